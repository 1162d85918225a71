import CloudstateProtocol

/// A counter that only grows. What all nodes have added is summed up.
public struct GCounter: StartsEmpty {
  /// The highest value: more than this cannot be told to a sidecar. A counter stays there.
  public static let maximum = UInt64(Int64.max)

  /// The sum of all increments.
  public private(set) var value: UInt64 = 0

  private var increment: UInt64 = 0

  /// Zero.
  public init() {}

  /// Adds an amount, up to ``maximum``.
  public mutating func increment(by amount: UInt64 = 1) {
    let step = min(amount, Self.maximum - value)
    value += step
    increment += step
  }

  /// The difference of the value from an empty one.
  public func whole() -> ReplicatedDelta { delta(value) }

  /// What changed since the value was last settled.
  public func change() -> ReplicatedDelta? { increment == 0 ? nil : delta(increment) }

  /// Takes a change that was made elsewhere.
  public mutating func apply(_ delta: ReplicatedDelta) throws(PayloadError) {
    guard case .gcounter(let change) = delta.message.delta else {
      throw delta.mismatch(with: "a GCounter")
    }
    value += min(change.increment, Self.maximum - value)
  }

  /// What changed is known to the sidecar.
  public mutating func settle() { increment = 0 }

  /// Takes back what changed since the value was last settled.
  public mutating func rollBack() {
    value -= increment
    increment = 0
  }

  private func delta(_ increment: UInt64) -> ReplicatedDelta {
    var change = Cloudstate_Crdt_GCounterDelta()
    change.increment = increment
    return ReplicatedDelta(.gcounter(change))
  }
}
