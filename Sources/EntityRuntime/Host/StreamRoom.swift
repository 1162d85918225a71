import CloudstateModel

/// An entity as its host's ``StreamRoom`` and ``ActivityList`` see it. Two are equal if they are the same.
protocol HostedEntity: AnyObject, Hashable {
  var previous: Self? { get set }
  var next: Self? { get set }
  /// Whether the host's ``ActivityList`` holds the entity.
  var isListed: Bool { get set }
  /// Whether the entity stands in line for a stream.
  var isInLine: Bool { get set }
  /// Whether the entity holds a stream of which nothing is asked.
  var isIdleWithStream: Bool { get }

  func streamGranted()
  func streamDenied(_ error: CommandError)
  /// - Returns: whether the entity agreed.
  func passivate() -> Bool
}

extension HostedEntity {
  static func == (left: Self, right: Self) -> Bool { left === right }
  func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// The entities of one event loop in the order of their activity, and the streams that they share. Loop-bound.
final class StreamRoom<Entity: HostedEntity> {
  private var slots: StreamSlots<Entity>
  private(set) var activity = ActivityList<Entity>()
  /// Entities that were put away for others and hold their streams still.
  private var closing = 0

  /// - Parameters:
  ///   - capacity: streams that may be held at once; `nil` for no limit.
  ///   - maximumWaiting: entities that may stand in line.
  init(capacity: Int?, maximumWaiting: Int) {
    slots = StreamSlots(capacity: capacity, maximumWaiting: maximumWaiting)
  }

  /// Whether entities wait for a stream.
  var isContended: Bool { slots.waiting > 0 }

  func add(_ entity: Entity) { activity.append(entity) }
  func touched(_ entity: Entity) { activity.touch(entity) }

  /// The entity is forgotten. If it holds a stream, ``release()`` follows when that has ended.
  func remove(_ entity: Entity) {
    activity.remove(entity)
    guard entity.isInLine else { return }
    entity.isInLine = false
    slots.withdraw(entity)
  }

  func requestStream(for entity: Entity) {
    switch slots.request(entity) {
    case .granted: entity.streamGranted()
    case .waiting:
      entity.isInLine = true
      makeRoom()
    case .denied: entity.streamDenied(slots.refusal)
    }
  }

  /// Passivates idle entities, least recently used first, until there is one on its way out for each entity
  /// in line.
  func makeRoom() {
    guard closing < slots.waiting else { return }
    var candidate = activity.oldest
    while closing < slots.waiting, let entity = candidate {
      candidate = entity.next
      guard entity.isIdleWithStream else { continue }
      // Counted first: what follows from the passivation may come here again.
      closing += 1
      if !entity.passivate() { closing -= 1 }
    }
  }

  /// A stream has ended, or was granted to an entity that did not want it any more.
  func release() {
    if closing > 0 { closing -= 1 }
    guard let next = slots.release() else { return }
    next.isInLine = false
    next.streamGranted()
  }
}
