/// The name of one change: the replica that made it and the replica's number for it, from 1 upwards.
struct Dot: Hashable, Sendable, Comparable {
  /// No dot that is made or read has a higher number, so that arithmetic on numbers cannot overflow.
  static let maximumNumber: UInt64 = 1 << 63 - 1
  /// A replica that got this far makes no more changes. A delta has far fewer changes than there are
  /// numbers between the two bounds.
  static let lastChangeableNumber: UInt64 = 1 << 62

  let replica: ReplicaID
  let number: UInt64

  static func < (left: Self, right: Self) -> Bool {
    left.replica == right.replica ? left.number < right.number : left.replica < right.replica
  }
}
