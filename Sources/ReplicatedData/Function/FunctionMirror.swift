/// What a function's copy of a value looks like (proxy behaviour, section 9.3).
///
/// While the function may be changing its copy, ``record(_:change:)`` follows it. As soon as nothing is
/// outstanding with the function any more, ``catchUp(with:in:)`` brings both copies in step. It may be called
/// whenever the value or the members changed; where the function has nothing to learn it answers `nil`.
package struct FunctionMirror: Hashable, Sendable {
  /// `nil` while the function knows of no value.
  package private(set) var value: FunctionValue?
  /// The changes that the function has been told of or made itself.
  package private(set) var seen = CausalContext()

  package init() {}

  /// Follows a change of the function that ``ReplicatedValue/apply(_:replica:now:seen:)`` accepted and
  /// answered with `change`.
  package mutating func record(_ delta: FunctionDelta, change: ReplicatedValue) {
    var copy = value ?? FunctionValue(emptyOf: delta.kind)
    // The copy must have one owner while it changes, or it is copied as a whole.
    value = nil
    copy.applyOwn(delta)
    value = copy
    seen.formUnion(change.context)
  }

  /// Answers what the function has to be told so that its copy equals `replicated`, and takes it for told.
  ///
  /// - Throws: If that cannot be told. The mirror is unchanged then, and the entity has to start again.
  package mutating func catchUp(
    with replicated: ReplicatedValue, in electorate: Electorate
  ) throws(IncompatibleChange) -> FunctionDelta? {
    let current = replicated.functionValue(in: electorate)
    let delta =
      if let value { try current.difference(from: value) } else { current.initialDelta }
    value = current
    seen = replicated.context
    return delta
  }
}
