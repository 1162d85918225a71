import CloudstateModel
import Eventing
import NIOCore

/// One event at an action's method, whatever its shape: sent as the only request; the responses are handled
/// strictly one after the other, each with what follows from it (proxy behaviour, section 10). It is over when
/// the last one is. Loop-bound; lives as long as the call.
final class EventActionCall: ActionCallOwner {
  /// Responses that may wait for the one before them until the function is no longer read.
  private static let maximumWaiting = 16

  private let request: ActionRequest
  private let key: String
  private let runner: CommandRunner
  private let eventLoop: any EventLoop
  private var completion: (@Sendable (EventOutcome) -> Void)?
  private var action: (any ActionCall)?
  private var waiting: [CommandAnswer] = []
  private var responses = 0
  private var isSettling = false
  /// How the function has ended the call, once it has.
  private var functionEnd: CommandError??

  init(
    _ request: ActionRequest, key: String, runner: CommandRunner, eventLoop: any EventLoop,
    completion: @escaping @Sendable (EventOutcome) -> Void
  ) {
    self.request = request
    self.key = key
    self.runner = runner
    self.eventLoop = eventLoop
    self.completion = completion
  }

  func start(payload: [UInt8]) {
    action = runner.open(request, on: eventLoop, owner: self)
    action?.send(payload)
    action?.end()
  }

  func received(_ answer: CommandAnswer) {
    waiting.append(answer)
    settleNext()
  }

  func functionWritabilityChanged(_ isWritable: Bool) {}

  func ended(_ error: CommandError?) {
    action = nil
    functionEnd = .some(error)
    settleNext()
  }

  private func settleNext() {
    action?.setReading(waiting.count < Self.maximumWaiting)
    guard !isSettling, completion != nil else { return }
    guard !waiting.isEmpty else {
      if let end = functionEnd {
        finish(EventOutcome(end.map(CommandAnswer.error) ?? CommandAnswer(.reply(nil))))
      }
      return
    }
    isSettling = true
    let answer = waiting.removeFirst()
    responses += 1
    let chain = CommandChain(
      name: "\(request.serviceName).\(request.method)", deadline: nil,
      idempotencyKey: responses == 1 ? key : "\(key)/response-\(responses)")
    let own = NIOLoopBound(self, eventLoop: eventLoop)
    runner.follow(answer, of: chain, on: eventLoop) { own.value.settled($0) }
  }

  private func settled(_ answer: CommandAnswer) {
    isSettling = false
    let outcome = EventOutcome(answer)
    if outcome == .handled { settleNext() } else { finish(outcome) }
  }

  private func finish(_ outcome: EventOutcome) {
    let completion = completion
    self.completion = nil
    action?.cancel()
    action = nil
    completion?(outcome)
  }
}
