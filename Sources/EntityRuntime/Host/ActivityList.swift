/// The active entities of one event loop, least recently used first: an intrusive doubly linked list, so that
/// a touch costs nothing that grows with the number of entities.
struct ActivityList {
  private(set) var oldest: EntityInstance?
  private var newest: EntityInstance?

  mutating func append(_ instance: EntityInstance) {
    instance.isListed = true
    instance.previous = newest
    instance.next = nil
    newest?.next = instance
    newest = instance
    if oldest == nil { oldest = instance }
  }

  mutating func remove(_ instance: EntityInstance) {
    if let previous = instance.previous {
      previous.next = instance.next
    } else {
      oldest = instance.next
    }
    if let next = instance.next {
      next.previous = instance.previous
    } else {
      newest = instance.previous
    }
    instance.previous = nil
    instance.next = nil
    instance.isListed = false
  }

  /// Makes an entity the most recently used. One that is no longer in the list stays out.
  mutating func touch(_ instance: EntityInstance) {
    guard instance.isListed, newest !== instance else { return }
    remove(instance)
    append(instance)
  }
}
