import CloudstateProtocol
import SwiftProtobuf

/// A change of a ``ReplicatedValue``, as user function and sidecar exchange it.
public struct ReplicatedDelta: Hashable, Sendable {
  typealias Change = Cloudstate_Crdt_CrdtDelta.OneOf_Delta

  /// The message of the protocol.
  let message: Cloudstate_Crdt_CrdtDelta

  init(_ message: Cloudstate_Crdt_CrdtDelta) { self.message = message }

  init(_ change: Change) {
    var message = Cloudstate_Crdt_CrdtDelta()
    message.delta = change
    self.message = message
  }

  /// Why this is no change of a value of another type.
  func mismatch(with expected: String) -> PayloadError {
    PayloadError("Expected a change of \(expected), but got \(typeName).")
  }

  /// The type of value that the change is for.
  var typeName: String {
    switch message.delta {
    case .gcounter: "one of a GCounter"
    case .pncounter: "one of a PNCounter"
    case .gset: "one of a GSet"
    case .orset: "one of an ORSet"
    case .lwwregister: "one of an LWWRegister"
    case .flag: "one of a Flag"
    case .ormap: "one of an ORMap"
    case .vote: "one of a Vote"
    case nil: "one of no type"
    }
  }
}

extension Sequence where Element: Payload {
  /// The elements in their envelopes, in the order of their bytes, so that equal sets make equal
  /// messages.
  func encoded() throws(PayloadError) -> [Google_Protobuf_Any] {
    var payloads: [Google_Protobuf_Any] = []
    for element in self { payloads.append(try Google_Protobuf_Any(encoding: element)) }
    return payloads.sorted { $0.value.lexicographicallyPrecedes($1.value) }
  }
}
