import CloudstateModel
import DequeModule

/// Who may hold a stream to the user function: a pure value, one per event loop.
///
/// Some functions serve few streams at once (the Python library holds a worker thread per open stream,
/// protocol section 9.6). An entity asks for a slot; without a free one it waits in line, and the host
/// passivates idle entities until everyone in line can be served.
struct StreamSlots<Claimant: Hashable> {
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
  private var line: Deque<Claimant> = []
  /// Those in line that want no slot any more; passed over when it is their turn, as a search for them would
  /// cost time that grows with the line.
  private var withdrawn: Set<Claimant> = []

  init(capacity: Int?, maximumWaiting: Int) {
    self.capacity = capacity
    self.maximumWaiting = maximumWaiting
  }

  var waiting: Int { line.count - withdrawn.count }
  /// Those that wait, and those that have withdrawn and are not passed over yet.
  var lineLength: Int { line.count }

  /// What an entity is told that was ``Answer/denied``.
  var refusal: CommandError {
    CommandError(
      .overloaded, "\(waiting) entities already wait for the user function; slow down and retry")
  }

  /// - Precondition: the claimant is not in line and has never withdrawn.
  mutating func request(_ claimant: Claimant) -> Answer {
    guard let capacity, used >= capacity || waiting > 0 else {
      used += 1
      return .granted
    }
    guard waiting < maximumWaiting else { return .denied }
    line.append(claimant)
    return .waiting
  }

  /// A claimant in line wants no slot any more, for ever.
  mutating func withdraw(_ claimant: Claimant) {
    withdrawn.insert(claimant)
    guard withdrawn.count > line.count / 2 else { return }
    line.removeAll { withdrawn.contains($0) }
    withdrawn.removeAll()
  }

  /// A slot is free again. Answers who gets it now.
  mutating func release() -> Claimant? {
    used -= 1
    while let next = line.popFirst() {
      guard withdrawn.remove(next) == nil else { continue }
      used += 1
      return next
    }
    return nil
  }
}

extension StreamSlots: Sendable where Claimant: Sendable {}
