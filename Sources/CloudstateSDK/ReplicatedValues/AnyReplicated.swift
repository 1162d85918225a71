import CloudstateProtocol

/// A replicated value of a type that is known only at run time: for an entity whose id says of which
/// type it is, or a map whose values are of several types.
///
/// ```swift
/// var basket = ORMap<String, AnyReplicated<String>>()
/// basket.update("count", default: AnyReplicated(GCounter())) { value in
///   value.update(GCounter.self) { $0.increment() }
/// }
/// ```
///
/// Sets and registers in it are of `Element`, maps of `Element` and again any value.
public struct AnyReplicated<Element: ReplicatedElement>: ReplicatedValue {
  /// A map in a value of any type.
  public typealias Map = ORMap<Element, AnyReplicated<Element>>

  /// The value itself, to look at by `as?` or `switch`.
  public private(set) var base: any ReplicatedValue

  /// Holds a value: one of the eight types, with `Element` where it has elements.
  public init(_ base: some StartsEmpty) { self.base = base }

  /// Changes the value in place; answers `nil`, and changes nothing, if it is of another type.
  @discardableResult
  public mutating func update<Value: StartsEmpty, Result>(
    _ type: Value.Type, _ change: (inout Value) throws -> Result
  ) rethrows -> Result? {
    guard var value = base as? Value else { return nil }
    // Held twice it would be copied by the change.
    base = Flag()
    defer { base = value }
    return try change(&value)
  }

  /// A value out of its difference from an empty one.
  public init(_ delta: ReplicatedDelta) throws(PayloadError) {
    switch delta.message.delta {
    case .gcounter: base = try GCounter(delta)
    case .pncounter: base = try PNCounter(delta)
    case .gset: base = try GSet<Element>(delta)
    case .orset: base = try ORSet<Element>(delta)
    case .lwwregister: base = try LWWRegister<Element>(delta)
    case .flag: base = try Flag(delta)
    case .ormap: base = try Map(delta)
    case .vote: base = try Vote(delta)
    case nil: throw delta.mismatch(with: "any type")
    }
  }

  /// The difference of the value from an empty one.
  public func whole() throws(PayloadError) -> ReplicatedDelta { try base.whole() }

  /// What changed since the value was last settled.
  public func change() throws(PayloadError) -> ReplicatedDelta? { try base.change() }

  /// Takes a change that was made elsewhere.
  public mutating func apply(_ delta: ReplicatedDelta) throws(PayloadError) {
    try base.apply(delta)
  }

  /// What changed is known to the sidecar.
  public mutating func settle() { base.settle() }

  /// Takes back what changed since the value was last settled.
  public mutating func rollBack() { base.rollBack() }
}
