import CloudstateProtocol

/// A switch that can only be switched on: it is on as soon as one node did so.
public struct Flag: StartsEmpty {
  /// Whether it is on.
  public private(set) var isOn = false

  private var wasSwitched = false

  /// Off.
  public init() {}

  /// Switches it on.
  public mutating func switchOn() {
    guard !isOn else { return }
    isOn = true
    wasSwitched = true
  }

  /// The difference of the value from an empty one.
  public func whole() -> ReplicatedDelta { delta() }

  /// What changed since the value was last settled.
  public func change() -> ReplicatedDelta? { wasSwitched ? delta() : nil }

  /// Takes a change that was made elsewhere.
  public mutating func apply(_ delta: ReplicatedDelta) throws(PayloadError) {
    guard case .flag(let change) = delta.message.delta else {
      throw delta.mismatch(with: "a Flag")
    }
    if change.value { isOn = true }
  }

  /// What changed is known to the sidecar.
  public mutating func settle() { wasSwitched = false }

  /// Takes back what changed since the value was last settled.
  public mutating func rollBack() {
    if wasSwitched { isOn = false }
    wasSwitched = false
  }

  private func delta() -> ReplicatedDelta {
    var change = Cloudstate_Crdt_FlagDelta()
    change.value = isOn
    return ReplicatedDelta(.flag(change))
  }
}
