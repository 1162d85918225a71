/// A kind of event sourced entity: a value that decides commands and is rebuilt from its events.
///
/// A conforming type is a struct that holds the state of *one* instance. It starts empty (``init()``),
/// changes only by the events declared in ``behavior``, and is thrown away and
/// rebuilt from stored events at any time. Nothing of it is shared: one stream, on one event loop,
/// owns each instance, so handlers need no locks and must not block.
///
/// ```swift
/// struct Counter: EventSourcedEntity {
///   static let serviceName = "example.Counter"
///   static let persistenceID = "counter"
///   var total: Int64 = 0
///
///   static var behavior: Behavior<Self> {
///     OnCommand("Add") { (context, amount: Amount) in
///       guard amount.value > 0 else { throw CommandFailure("The amount must be positive.") }
///       context.emit(Added.with { $0.value = amount.value })
///     }
///     OnEvent { (counter, added: Added) in counter.total += added.value }
///   }
/// }
/// ```
public protocol EventSourcedEntity: CloudstateEntity {
  /// A snapshot is sent with every event whose number is a multiple of this, if the behavior declares
  /// ``Snapshots``. Default 100. A lower number makes activation quicker and stored data larger; 0
  /// switches snapshots off.
  static var snapshotEvery: Int { get }

  /// The commands, events and snapshots of the entity. Read once, when a server or tester starts.
  @BehaviorBuilder<Self> static var behavior: Behavior<Self> { get }

  /// The state before the first event.
  init()
}

extension EventSourcedEntity {
  /// 100 events.
  public static var snapshotEvery: Int { 100 }
}
