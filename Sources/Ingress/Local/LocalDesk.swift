import GRPCTransport
import NIOCore

/// The commands of one ``LocalLane`` that are with their entities, and their deadlines. Loop-bound.
final class LocalDesk {
  private final class Entry: DeadlineHolder {
    let command: LocalCommand
    /// Kept by the deadline queue.
    var deadlineSlot = -1

    init(_ command: LocalCommand) { self.command = command }

    // The entity goes on, as it does for a client that has left.
    func deadlinePassed() { command.finish(.failure(LocalCalls.deadlinePassed)) }
  }

  private let eventLoop: any EventLoop
  private let deadlines: DeadlineQueue
  private var entries: [ObjectIdentifier: Entry] = [:]
  private var emptied: (() -> Void)?
  private var isOver = false

  init(eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
    deadlines = DeadlineQueue(eventLoop: eventLoop)
  }

  /// `false` if the command comes too late.
  func add(_ command: LocalCommand) -> Bool {
    let entry = Entry(command)
    if let deadline = command.deadline {
      guard deadline > .now() else { return false }
      deadlines.insert(entry, deadline: deadline)
    }
    entries[ObjectIdentifier(command)] = entry
    return true
  }

  /// The entity is done with the command.
  func remove(_ command: LocalCommand) {
    guard let entry = entries.removeValue(forKey: ObjectIdentifier(command)) else { return }
    deadlines.remove(entry)
    if entries.isEmpty, let emptied { emptied() }
  }

  /// - Parameter completion: called once, when no command is left or the time is over.
  func whenEmpty(within grace: TimeAmount, completion: @escaping () -> Void) {
    guard !entries.isEmpty else { return end(completion) }
    let limit = eventLoop.assumeIsolated().scheduleTask(in: grace) { self.end(completion) }
    emptied = {
      limit.cancel()
      // Not before the answer that is under way has reached its caller.
      self.eventLoop.assumeIsolated().execute { self.end(completion) }
    }
  }

  private func end(_ completion: () -> Void) {
    guard !isOver else { return }
    isOver = true
    emptied = nil
    deadlines.close()
    for entry in entries.values { entry.command.finish(.failure(LocalCalls.outcomeUnknown)) }
    entries.removeAll()
    completion()
  }
}
