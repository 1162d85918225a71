/// A value that nodes change side by side and that comes to the same on all of them: ``GCounter``,
/// ``PNCounter``, ``GSet``, ``ORSet``, ``LWWRegister``, ``Flag``, ``ORMap`` and ``Vote``, and
/// ``AnyReplicated``, which is one of them.
///
/// It knows what changed since the sidecar was last told, so change it in place: a copy put into its
/// place would hide what became of the old value.
///
/// The requirements are for the runtime, which calls them around commands.
public protocol ReplicatedValue: Sendable {
  /// A value out of its difference from an empty one. Throws for one of another type.
  init(_ delta: ReplicatedDelta) throws(PayloadError)

  /// The difference of the value from an empty one.
  func whole() throws(PayloadError) -> ReplicatedDelta

  /// What changed, effectively, since the value was last settled; `nil` if nothing did.
  func change() throws(PayloadError) -> ReplicatedDelta?

  /// Takes a change that was made elsewhere. The value must be settled. Throws for one of another type.
  mutating func apply(_ delta: ReplicatedDelta) throws(PayloadError)

  /// What changed is known to the sidecar.
  mutating func settle()

  /// Takes back what changed since the value was last settled.
  mutating func rollBack()
}

/// A replicated value that can be made of nothing.
public protocol StartsEmpty: ReplicatedValue {
  /// The value before the first change.
  init()
}

extension StartsEmpty {
  /// Applies the difference to an empty value.
  public init(_ delta: ReplicatedDelta) throws(PayloadError) {
    self.init()
    try apply(delta)
  }
}

/// What can be an element of a replicated set or the key of a replicated map: a ``Payload`` that can be
/// looked up.
public typealias ReplicatedElement = Payload & Hashable
