import CloudstateModel
import Ingress
import NIOCore
import Synchronization

/// Holds commands until the test answers them. Any thread.
final class HeldDispatcher: CommandDispatcher {
  private struct Held: Sendable {
    let command: EntityCommand
    let eventLoop: any EventLoop
    let completion: @Sendable (CommandAnswer) -> Void
  }

  private let held = Mutex<[Held]>([])

  var commands: [EntityCommand] { held.withLock { $0.map(\.command) } }

  /// Answers a command as the entity would, on the event loop it came from.
  func answer(_ index: Int, _ answer: CommandAnswer) {
    let held = held.withLock { $0[index] }
    held.eventLoop.execute { held.completion(answer) }
  }

  func dispatch(
    _ command: EntityCommand, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (CommandAnswer) -> Void
  ) {
    held.withLock {
      $0.append(Held(command: command, eventLoop: eventLoop, completion: completion))
    }
  }

  /// Repeats each request of an action, and ends the call with its last.
  func open(
    _ request: ActionRequest, on eventLoop: any EventLoop, owner: any ActionCallOwner
  ) -> any ActionCall {
    EchoingAction(eventLoop: eventLoop, owner: owner)
  }

  func settle(
    _ answer: CommandAnswer, of request: ActionRequest, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (CommandAnswer) -> Void
  ) { completion(answer) }
}

private final class EchoingAction: ActionCall {
  private let eventLoop: any EventLoop
  private var owner: (any ActionCallOwner)?
  var isWritable: Bool { true }

  init(eventLoop: any EventLoop, owner: any ActionCallOwner) {
    self.eventLoop = eventLoop
    self.owner = owner
  }

  func send(_ payload: [UInt8]) {
    eventLoop.assumeIsolated().execute {
      self.owner?.received(.text(String(decoding: payload, as: UTF8.self)))
    }
  }

  func end() {
    eventLoop.assumeIsolated().execute { self.owner?.ended(nil) }
  }

  func cancel() { owner = nil }
  func setReading(_ reading: Bool) {}
}
