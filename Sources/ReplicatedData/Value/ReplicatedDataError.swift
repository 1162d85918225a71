/// Why a change that a function asked for was refused.
package struct ReplicatedDataError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Code: String, Hashable, Sendable, CaseIterable {
    /// The delta is of another type than the existing value.
    case wrongType = "wrong-type"
    /// The increment of a GCounter is negative as a signed number.
    case negativeIncrement = "negative-increment"
    /// A flag that is on cannot be switched off.
    case flagSwitchedOff = "flag-switched-off"
    /// Maps lie in maps more than ``ReplicatedLimits/maximumDepth`` deep.
    case tooDeep = "too-deep"
    /// The replica has used up its numbers for changes and must continue under another name.
    case numbersExhausted = "numbers-exhausted"
  }

  package let code: Code
  package let message: String

  package var description: String { "\(code.rawValue): \(message)" }

  static func wrongType(_ kind: ReplicatedKind, existing: ReplicatedKind) -> Self {
    Self(
      code: .wrongType,
      message: "a delta of type \(kind) came for a \(existing); an entity keeps the type it "
        + "was created with")
  }

  static func negativeIncrement(_ increment: UInt64) -> Self {
    Self(
      code: .negativeIncrement,
      message: "a GCounter cannot be incremented by \(Int64(bitPattern: increment)); use a "
        + "PNCounter to count down")
  }

  static let flagSwitchedOff = Self(
    code: .flagSwitchedOff,
    message: "a Flag that is on cannot be switched off; use an LWWRegister for a value that "
      + "changes back")

  static let tooDeep = Self(
    code: .tooDeep,
    message: "more than \(ReplicatedLimits.maximumDepth) values lie in each other")

  static func numbersExhausted(_ replica: ReplicaID) -> Self {
    Self(
      code: .numbersExhausted,
      message: "replica \(replica) has no numbers left for changes; start it under a new name")
  }
}

/// The bounds of this module.
package enum ReplicatedLimits {
  /// How many values may lie in each other: 1 for a value without a map. A higher bound costs stack in
  /// every recursion over values.
  package static let maximumDepth = 32
}
