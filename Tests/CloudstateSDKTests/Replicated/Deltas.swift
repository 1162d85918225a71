import CloudstateProtocol
import FoundationEssentials
import SwiftProtobuf

@testable import CloudstateSDK

/// Changes as they are written in the protocol, for values whose elements are texts.
extension ReplicatedDelta {
  static func gcounter(_ increment: UInt64) -> Self {
    Self(.gcounter(.with { $0.increment = increment }))
  }

  static func pncounter(_ change: Int64) -> Self {
    Self(.pncounter(.with { $0.change = change }))
  }

  static func gset(_ added: String...) -> Self {
    Self(.gset(.with { $0.added = added.map(payload) }))
  }

  static func orset(cleared: Bool = false, removed: [String] = [], added: [String] = []) -> Self {
    Self(
      .orset(
        .with {
          $0.cleared = cleared
          $0.removed = removed.map(payload)
          $0.added = added.map(payload)
        }))
  }

  static func register(
    _ value: String?, _ clock: Cloudstate_Crdt_CrdtClock = .default, _ time: Int64 = 0
  ) -> Self {
    Self(
      .lwwregister(
        .with {
          if let value { $0.value = payload(value) }
          $0.clock = clock
          $0.customClockValue = time
        }))
  }

  static func flag(_ value: Bool) -> Self { Self(.flag(.with { $0.value = value })) }

  static func vote(_ selfVote: Bool, _ votesFor: Int32 = 0, _ totalVoters: Int32 = 0) -> Self {
    Self(
      .vote(
        .with {
          $0.selfVote = selfVote
          $0.votesFor = votesFor
          $0.totalVoters = totalVoters
        }))
  }

  /// Keys in the order of their bytes.
  static func ormap(
    cleared: Bool = false, removed: [String] = [], updated: [(String, Self)] = [],
    added: [(String, Self)] = []
  ) -> Self {
    Self(
      .ormap(
        .with {
          $0.cleared = cleared
          $0.removed = removed.map(payload)
          $0.updated = updated.map(entry)
          $0.added = added.map(entry)
        }))
  }

  private static func entry(_ key: String, _ delta: Self) -> Cloudstate_Crdt_ORMapEntryDelta {
    .with {
      $0.key = payload(key)
      $0.delta = delta.message
    }
  }
}

/// A text as an element (protocol section 8), short enough for one byte of length.
func payload(_ text: String) -> Google_Protobuf_Any {
  .with {
    $0.typeURL = "p.cloudstate.io/string"
    $0.value = Data(text.isEmpty ? [] : [0x0a, UInt8(text.utf8.count)] + Array(text.utf8))
  }
}

extension ReplicatedValue {
  /// What a sidecar would be told now; it knows of it afterwards.
  mutating func tell() throws -> ReplicatedDelta? {
    let change = try change()
    settle()
    return change
  }
}
