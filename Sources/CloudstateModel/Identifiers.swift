/// The name of a stateful service in a topology: one user function image, scaled to nodes.
///
/// Legal names have 1 to 63 characters out of `a-z`, `A-Z`, `0-9`, `-` and `_`, so that a name is
/// always a single subject token and a safe folder name.
package struct ServiceName: Hashable, Sendable, Comparable, CustomStringConvertible {
  package static let maximumLength = 63

  package let text: String

  /// Accepts a legal name and answers `nil` for every other text.
  package init?(_ text: String) {
    guard isPlainToken(text, maximumLength: Self.maximumLength) else { return nil }
    self.text = text
  }

  package var description: String { text }

  package static func < (left: Self, right: Self) -> Bool { left.text < right.text }
}

/// The stable name of one node. A node keeps its identifier over restarts, because its shards and
/// their data belong to that identifier. Legal characters are those of ``ServiceName``.
package struct NodeID: Hashable, Sendable, Comparable, CustomStringConvertible {
  package static let maximumLength = 63

  package let text: String

  /// Accepts a legal identifier and answers `nil` for every other text.
  package init?(_ text: String) {
    guard isPlainToken(text, maximumLength: Self.maximumLength) else { return nil }
    self.text = text
  }

  package var description: String { text }

  package static func < (left: Self, right: Self) -> Bool { left.text < right.text }
}

/// One shard: the unit of placement, of ordering and of copying.
package struct ShardID: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let service: ServiceName
  /// `0 <= index <` the service's shard count.
  package let index: UInt32

  package init(service: ServiceName, index: UInt32) {
    self.service = service
    self.index = index
  }

  package var description: String { "\(service)/\(index)" }

  package static func < (left: Self, right: Self) -> Bool {
    (left.service, left.index) < (right.service, right.index)
  }
}

/// The fencing number of a shard. It rises with each change of primary or in-sync set, and a store
/// refuses a batch whose epoch is lower than the highest it has seen for the shard.
package struct Epoch: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let number: UInt64

  package init(_ number: UInt64) { self.number = number }

  /// The epoch of a shard that was never assigned.
  package static let none = Epoch(0)

  package var next: Epoch { Epoch(number + 1) }
  package var description: String { String(number) }

  package static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

/// The place of a committed batch in its shard: 1 for the first batch, then without a gap.
/// ``Position/start`` (0) stands before the first batch.
package struct Position: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let number: UInt64

  package init(_ number: UInt64) { self.number = number }

  package static let start = Position(0)

  package var next: Position { Position(number + 1) }
  package var description: String { String(number) }

  package static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

/// The number of an event within its entity: 1 for the first, then without a gap
/// (protocol section 3.1). ``SequenceNumber/none`` (0) stands before the first event.
package struct SequenceNumber: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let number: Int64

  package init(_ number: Int64) { self.number = number }

  package static let none = SequenceNumber(0)

  package var next: SequenceNumber { SequenceNumber(number + 1) }
  package func advanced(by count: Int) -> SequenceNumber { SequenceNumber(number + Int64(count)) }
  package var description: String { String(number) }

  package static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

/// The identity of an entity instance: the persistence id names the kind of state, the entity id the
/// instance. Both are free text chosen by users; neither is empty.
///
/// Keys are compared by their bytes, as the store and the shard hash do. Swift's own comparison of texts takes
/// different spellings of the same characters (Unicode canonical equivalence) for equal and would mix up two
/// entities.
package struct EntityKey: Hashable, Sendable, CustomStringConvertible {
  package let persistenceID: String
  package let entityID: String

  package init(persistenceID: String, entityID: String) {
    self.persistenceID = persistenceID
    self.entityID = entityID
  }

  package static func == (left: Self, right: Self) -> Bool {
    left.entityID.utf8.elementsEqual(right.entityID.utf8)
      && left.persistenceID.utf8.elementsEqual(right.persistenceID.utf8)
  }

  package func hash(into hasher: inout Hasher) {
    for byte in entityID.utf8 { hasher.combine(byte) }
    hasher.combine(0xff as UInt8)
    for byte in persistenceID.utf8 { hasher.combine(byte) }
  }

  package var description: String { "\(persistenceID)|\(entityID)" }
}

/// Milliseconds since 1970-01-01T00:00:00Z, the resolution in which events are stamped.
package struct Timestamp: Hashable, Sendable, Comparable {
  package let unixMilliseconds: Int64

  package init(unixMilliseconds: Int64) { self.unixMilliseconds = unixMilliseconds }

  package static func < (left: Self, right: Self) -> Bool {
    left.unixMilliseconds < right.unixMilliseconds
  }
}

private func isPlainToken(_ text: String, maximumLength: Int) -> Bool {
  let bytes = text.utf8
  guard !bytes.isEmpty, bytes.count <= maximumLength else { return false }
  return bytes.allSatisfy { byte in
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
