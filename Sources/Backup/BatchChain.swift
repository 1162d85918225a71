import Crypto
package import ShardStore

/// The digest of a shard's batches from the first to some position: of each batch the SHA-256 of the digest so
/// far and of the batch. Two shards have the same digest exactly if they have the same batches.
///
/// Left out is what a store keeps of a batch for a time only, or in a shorter form: snapshots, which follow
/// from the events, and answers under idempotency keys. So the digest of what was restored is that of the backup.
package struct BatchChain: Hashable, Sendable {
  package private(set) var bytes: [UInt8]

  /// Before the first batch.
  package static let start = BatchChain(bytes: [UInt8](repeating: 0, count: 32))

  private init(bytes: [UInt8]) { self.bytes = bytes }

  /// Reads ``text``.
  package init?(_ text: String) {
    guard let bytes = [UInt8](hexadecimal: text), bytes.count == 32 else { return nil }
    self.bytes = bytes
  }

  /// In hexadecimal.
  package var text: String { bytes.hexadecimal }

  /// Adds the next batch.
  package mutating func add(_ delta: ShardDelta) {
    var kept = delta
    kept.snapshot = nil
    kept.idempotency = nil
    var message = bytes
    kept.encodeFields(into: &message)
    bytes = Array(SHA256.hash(data: message))
  }
}

extension [UInt8] {
  /// Lower-case digits.
  var hexadecimal: String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(2 * count)
    for byte in self {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  init?(hexadecimal text: String) {
    let digits = Array(text.utf8)
    guard digits.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let high = Self.value(digits[index]), let low = Self.value(digits[index + 1]) else {
        return nil
      }
      bytes.append(high << 4 | low)
    }
    self = bytes
  }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
