import CloudstateProtocol

/// A counter that grows and shrinks. What all nodes have added and taken away is summed up.
public struct PNCounter: StartsEmpty {
  /// The sum of all changes.
  public private(set) var value: Int64 = 0

  /// What ``value`` was when the sidecar was last told.
  private var known: Int64 = 0

  /// Zero.
  public init() {}

  /// Adds an amount, which may be negative. A sum that would leave the range of `Int64` stops at its
  /// end.
  public mutating func add(_ amount: Int64) {
    value = value.addingUpToTheEnd(amount)
    // What is told is one number too.
    let (_, overflows) = value.subtractingReportingOverflow(known)
    if overflows { value = value > 0 ? known + .max : known + .min }
  }

  /// Adds an amount.
  public mutating func increment(by amount: Int64 = 1) { add(amount) }

  /// Takes an amount away.
  public mutating func decrement(by amount: Int64 = 1) {
    add(amount == .min ? .max : -amount)
  }

  /// The difference of the value from an empty one.
  public func whole() -> ReplicatedDelta { delta(value) }

  /// What changed since the value was last settled.
  public func change() -> ReplicatedDelta? { value == known ? nil : delta(value - known) }

  /// Takes a change that was made elsewhere.
  public mutating func apply(_ delta: ReplicatedDelta) throws(PayloadError) {
    guard case .pncounter(let change) = delta.message.delta else {
      throw delta.mismatch(with: "a PNCounter")
    }
    // Sums of several nodes may leave the range; sidecars let them wrap around.
    value &+= change.change
    known = value
  }

  /// What changed is known to the sidecar.
  public mutating func settle() { known = value }

  /// Takes back what changed since the value was last settled.
  public mutating func rollBack() { value = known }

  private func delta(_ amount: Int64) -> ReplicatedDelta {
    var change = Cloudstate_Crdt_PNCounterDelta()
    change.change = amount
    return ReplicatedDelta(.pncounter(change))
  }
}

extension Int64 {
  fileprivate func addingUpToTheEnd(_ amount: Int64) -> Int64 {
    let (sum, overflows) = addingReportingOverflow(amount)
    return overflows ? (amount > 0 ? .max : .min) : sum
  }
}
