import NIOCore
import NIOPosix
import Synchronization

/// The two threads of a control shell: an event loop of its own for decisions and messages, so that
/// heartbeats share it with nothing that can stall, and a thread for the disk, which can.
///
/// It counts work that will report back to the loop, so that the loop ends only after the last
/// report.
final class ControlLoop: Sendable {
  let eventLoop: any EventLoop
  private let group: MultiThreadedEventLoopGroup
  private let disk: NIOThreadPool
  private let isOpen = Mutex(true)
  private let pending: NIOLoopBoundBox<Pending>

  private struct Pending {
    var count = 0
    var drained: EventLoopPromise<Void>?
  }

  /// Starts both threads; ``shutDown()`` must end them.
  init() {
    group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    eventLoop = group.next()
    disk = NIOThreadPool(numberOfThreads: 1)
    disk.start()
    pending = .makeBoxSendingValue(Pending(), eventLoop: eventLoop)
  }

  /// Runs `body` on the loop; may be called from any thread. After ``shutDown()`` has begun it does
  /// nothing and answers `false`.
  @discardableResult
  func execute(_ body: @escaping @Sendable () -> Void) -> Bool {
    isOpen.withLock { isOpen in
      if isOpen { eventLoop.execute(body) }
      return isOpen
    }
  }

  /// Runs `body` on the loop and returns after it. Not to be called after ``shutDown()``.
  func run<Answer: Sendable>(_ body: @escaping @Sendable () throws -> Answer) async throws -> Answer
  {
    try await eventLoop.submit(body).get()
  }

  /// Runs `body` on the disk thread and returns after it. Not to be called after ``shutDown()``.
  func onDisk<Answer: Sendable>(
    _ body: @escaping @Sendable () throws -> Answer
  ) async throws -> Answer {
    try await disk.runIfActive(body)
  }

  /// Runs `body` on the disk thread and then `completion` on the loop. Called on the loop; the disk
  /// does one piece of work after the other, and callers keep at most one under way each.
  func onDisk(
    _ body: @escaping @Sendable () throws -> Void,
    completion: @escaping @Sendable (Result<Void, any Error>) -> Void
  ) {
    began()
    disk.runIfActive(eventLoop: eventLoop, body).whenComplete { [self] result in
      completion(result)
      ended()
    }
  }

  /// Runs `body` on the disk thread. Any thread; the future is one of the loop.
  func diskFuture<Answer: Sendable>(
    _ body: @escaping @Sendable () throws -> Answer
  ) -> EventLoopFuture<Answer> {
    disk.runIfActive(eventLoop: eventLoop, body)
  }

  /// Counts a piece of work that will report to the loop. Called on the loop.
  func began() { pending.value.count += 1 }

  /// The work has reported. Called on the loop.
  func ended() {
    pending.value.count -= 1
    if pending.value.count == 0 { pending.value.drained?.succeed() }
  }

  /// Waits for the work that was counted and ends both threads. Called once.
  func shutDown() async throws {
    isOpen.withLock { $0 = false }
    let pending = self.pending
    let eventLoop = self.eventLoop
    try await eventLoop.flatSubmit {
      let promise = eventLoop.makePromise(of: Void.self)
      if pending.value.count == 0 {
        promise.succeed()
      } else {
        pending.value.drained = promise
      }
      return promise.futureResult
    }.get()
    try await disk.shutdownGracefully()
    try await group.shutdownGracefully()
  }
}
