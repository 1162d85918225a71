/// A kind of replicated entity: each instance is one ``ReplicatedValue``, a CRDT, which lives on every
/// node, can be changed on each of them at once, and comes to the same on all.
///
/// A conforming type holds no state itself: the value lives in the ``ReplicatedContext`` that command
/// handlers get. What a command changes is sent to the other nodes; how many of them confirm before the
/// caller is answered, is said by ``ReplicatedContext/writeConsistency``.
///
/// ```swift
/// enum Visits: ReplicatedEntity {
///   static let serviceName = "example.Visits"
///   static let persistenceID = "visits"
///
///   static var behavior: ReplicatedBehavior<GCounter> {
///     OnCommand("Count") { (context, _: Visit) in context.state.increment() }
///     OnCommand("Get") { (context, _: Page) in
///       Count.with { $0.visits = context.state.value }
///     }
///     OnStreamedCommand("Watch") { (context, _: Page) -> StreamedAnswer<GCounter, Count> in
///       .open(Count.with { $0.visits = context.state.value })
///         .onChange { change in Count.with { $0.visits = change.state.value } }
///     }
///   }
/// }
/// ```
public protocol ReplicatedEntity: CloudstateEntity {
  /// The value of an instance; inferred from ``behavior``.
  associatedtype State: ReplicatedValue

  /// The value of a new instance, which no node knows yet. What is changed here, is sent with the first
  /// reply that is no failure, unless another node made the value first. Default: an empty value.
  static func initialState(entityID: String) -> State

  /// The commands of the entity. Read once, when a server or tester starts.
  @ReplicatedBehaviorBuilder<State> static var behavior: ReplicatedBehavior<State> { get }
}

extension ReplicatedEntity where State: StartsEmpty {
  /// An empty value.
  public static func initialState(entityID: String) -> State { State() }
}
