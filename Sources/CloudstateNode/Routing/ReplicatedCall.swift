import CloudstateModel
import DequeModule
import EntityRuntime
import Ingress
import NIOCore

/// One streamed command of a replicated entity, as the ingress sees calls with many responses. Bound to the event
/// loop of the client's call; the entity is on another.
final class ReplicatedCall: ActionCall {
  /// Messages that may wait for a client that does not read; with one more its stream ends. The function sends
  /// them to all followers of an entity on one stream, so it cannot be held back for one.
  private static let maximumWaiting = 1_000

  private let eventLoop: any EventLoop
  private let start:
    (_ payload: [UInt8], _ caller: @escaping @Sendable (CallerNews) -> Void) ->
      Result<@Sendable () -> Void, CommandError>
  private var owner: (any ActionCallOwner)?
  private var leave: (@Sendable () -> Void)?
  private var isReading = true
  private var waiting: Deque<CallerNews> = []

  /// - Parameter start: gives the command to its entity; the answer is called when the client has gone.
  init(
    eventLoop: any EventLoop, owner: any ActionCallOwner,
    start:
      @escaping (_ payload: [UInt8], _ caller: @escaping @Sendable (CallerNews) -> Void) ->
      Result<@Sendable () -> Void, CommandError>
  ) {
    self.eventLoop = eventLoop
    self.owner = owner
    self.start = start
  }

  var isWritable: Bool { true }

  func send(_ payload: [UInt8]) {
    guard owner != nil, leave == nil else { return }
    let call = NIOLoopBound(self, eventLoop: eventLoop)
    let eventLoop = eventLoop
    let started = start(payload) { news in
      // Always a hop of its own: the owner is not to be called from within its own call.
      eventLoop.execute { call.value.take(news) }
    }
    switch started {
    case .success(let leave): self.leave = leave
    case .failure(let error): eventLoop.execute { call.value.take(.end(error)) }
    }
  }

  /// The one request is all there is.
  func end() {}

  func cancel() {
    owner = nil
    waiting.removeAll()
    leave?()
    leave = nil
  }

  func setReading(_ reading: Bool) {
    isReading = reading
    while isReading, let next = waiting.popFirst() { pass(next) }
  }

  private func take(_ news: CallerNews) {
    guard owner != nil else { return }
    if isReading, waiting.isEmpty { return pass(news) }
    guard waiting.count < Self.maximumWaiting else {
      let owner = owner
      cancel()
      owner?.ended(
        CommandError(
          .overloaded,
          "the client does not read its stream: \(Self.maximumWaiting) messages wait for it"))
      return
    }
    waiting.append(news)
  }

  private func pass(_ news: CallerNews) {
    switch news {
    case .answer(let answer, let isLast):
      owner?.received(answer)
      if isLast { finish(nil) }
    case .end(let error): finish(error)
    }
  }

  private func finish(_ error: CommandError?) {
    let owner = owner
    self.owner = nil
    leave = nil
    owner?.ended(error)
  }
}
