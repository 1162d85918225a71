import CloudstateModel
import DequeModule

/// Who may hold a stream to the user function: a pure value, one per event loop.
///
/// Some functions serve few streams at once (the Python library holds a worker thread per open stream,
/// protocol section 9.6). An entity asks for a slot; without a free one it waits in line, and the host
/// passivates idle entities until everyone in line can be served.
struct StreamSlots: Sendable {
  enum Answer: Equatable {
    case granted
    case waiting
    /// The line is full.
    case denied
  }

  /// `nil` for no limit.
  let capacity: Int?
  let maximumWaiting: Int
  private(set) var used = 0
  private var line: Deque<EntityKey> = []

  init(capacity: Int?, maximumWaiting: Int) {
    self.capacity = capacity
    self.maximumWaiting = maximumWaiting
  }

  var waiting: Int { line.count }

  /// What an entity is told that was ``Answer/denied``.
  var refusal: CommandError {
    CommandError(
      .overloaded, "\(waiting) entities already wait for the user function; slow down and retry")
  }

  mutating func request(_ key: EntityKey) -> Answer {
    guard let capacity, used >= capacity || !line.isEmpty else {
      used += 1
      return .granted
    }
    guard line.count < maximumWaiting else { return .denied }
    line.append(key)
    return .waiting
  }

  /// A slot is free again. Answers who gets it now.
  mutating func release() -> EntityKey? {
    used -= 1
    guard let next = line.popFirst() else { return nil }
    used += 1
    return next
  }
}
