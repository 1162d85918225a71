/// One replica's copy of a replicated value, or a delta of it.
///
/// A delta is a value too: the traces of a change with the context of that change alone. Values and deltas
/// merge with each other in any order, any grouping and any number of times with the same outcome.
/// A replica that has merged all deltas equals one that has merged the full value.
package struct ReplicatedValue: Hashable, Sendable {
  /// The changes known here.
  package private(set) var context: CausalContext
  private(set) var content: ReplicatedContent

  init(context: CausalContext, content: ReplicatedContent) {
    self.context = context
    self.content = content
  }

  /// The value before any change. To create one, apply the function's first delta to it; the answer must be
  /// sent even if it holds no changes.
  package init(_ kind: ReplicatedKind) {
    self.init(context: CausalContext(), content: kind.emptyContent)
  }

  package var kind: ReplicatedKind { content.kind }

  /// Whether it holds no change. Merging such a delta into a value of its type changes nothing, so it need
  /// not be sent; to create the value elsewhere, it must.
  package var hasNoChanges: Bool { context.isEmpty }

  /// Takes in the changes of another copy or of a delta.
  ///
  /// Two replicas may create a value under one name with different types. Then the one with the lowest
  /// number stays, on all replicas, and what the other held is lost.
  package mutating func merge(_ other: ReplicatedValue) {
    guard kind == other.kind else {
      if other.kind < kind { self = other }
      return
    }
    drop(other.context.subtracting(other.content.dots), firstUnder: other.content)
    content.take(other.content, known: context)
    context.formUnion(other.context)
  }

  package func merging(_ other: ReplicatedValue) -> ReplicatedValue {
    var merged = self
    merged.merge(other)
    return merged
  }

  /// The plain value as a function sees it.
  package func functionValue(in electorate: Electorate) -> FunctionValue {
    content.functionValue(in: electorate)
  }

  /// Makes a change that a function asked for (proxy behaviour, section 9.4), and answers the delta for the
  /// other replicas. If the change is refused, nothing is changed.
  ///
  /// - Parameters:
  ///   - replica: where the change is made. Only this copy may make changes under this name.
  ///   - now: milliseconds since 1970, for registers.
  ///   - seen: the changes that the function had been told of, as ``FunctionMirror`` keeps them. What it
  ///     removes are these; what came in meanwhile from others stays. `nil` means all changes known here.
  package mutating func apply(
    _ delta: FunctionDelta, replica: ReplicaID, now: Int64, seen: CausalContext? = nil
  ) throws(ReplicatedDataError) -> ReplicatedValue {
    var mutation = Mutation(
      replica: replica, now: now, known: context, seen: seen, isNested: kind == .ormap)
    guard mutation.canMint else { throw .numbersExhausted(replica) }
    guard delta.kind == kind else { throw .wrongType(delta.kind, existing: kind) }
    try delta.validate(against: content, mutation: mutation)
    var fragment = content.apply(delta, &mutation)
    // A delta may change the same thing twice.
    fragment.drop(mutation.dropped)
    let change = ReplicatedValue(context: mutation.context, content: fragment)
    context.formUnion(change.context)
    return change
  }

  /// Most deltas undo nothing, or only what they replace under the same element or key. Then there is no
  /// need to look through all of this value.
  private mutating func drop(_ undone: CausalContext, firstUnder part: ReplicatedContent) {
    guard !undone.isEmpty else { return }
    let count = content.drop(undone, under: part)
    if UInt64(count) != undone.count { content.drop(undone) }
  }
}
