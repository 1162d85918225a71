import CloudstateModel
import GRPCTransport
package import NIOCore

/// Sends commands over the connections of one event loop, again where the policy allows it. All members
/// are called on that event loop.
package final class CommandDispatcher {
  private let links: ServerLinks
  private let policy: RetryPolicy
  /// The longest wait for one command, all attempts together.
  private let timeout: TimeAmount

  package init(links: ServerLinks, policy: RetryPolicy, timeout: TimeAmount) {
    self.links = links
    self.policy = policy
    self.timeout = timeout
  }

  package var eventLoop: any EventLoop { links.eventLoop }

  /// Sends a command; `completion` is called exactly once, on the event loop.
  package func send(
    _ command: PreparedCommand, completion: @escaping (CommandOutcome) -> Void
  ) {
    let now = NIODeadline.now()
    attempt(
      Sending(command: command, begin: now, deadline: now + timeout, completion: completion),
      number: 1)
  }

  /// A command on its way.
  private struct Sending {
    let command: PreparedCommand
    let begin: NIODeadline
    let deadline: NIODeadline
    let completion: (CommandOutcome) -> Void
  }

  private func attempt(_ sending: Sending, number: Int) {
    let server = links.currentAddress
    var metadata = sending.command.headers
    if let key = sending.command.idempotencyKey { metadata.add("idempotency-key", key) }
    callUnary(
      on: links.currentTransport, path: sending.command.path, metadata: metadata,
      message: sending.command.payload,
      deadline: policy.attemptDeadline(
        attempt: number, now: .now(), deadline: sending.deadline),
      waitForReady: false
    ) { outcome in
      self.ended(outcome, of: sending, number: number, server: server)
    }
  }

  private func ended(
    _ outcome: UnaryOutcome, of sending: Sending, number: Int, server: GRPCAddress
  ) {
    let now = NIODeadline.now()
    let mayRetry = sending.command.idempotencyKey != nil
    let decision =
      mayRetry
      ? policy.decision(
        after: outcome.status.code, saysRetryable: outcome[HeaderName.retryable] == "true",
        attempt: number, now: now, deadline: sending.deadline, random: .random(in: 0...1))
      : .accept
    switch decision {
    case .accept:
      if outcome.status.code == .unavailable { links.turn(from: server) }
      sending.completion(
        CommandOutcome(
          status: outcome.status, reply: outcome.status.code == .ok ? outcome.message : nil,
          commitment: outcome[HeaderName.commitment].flatMap { Commitment(headerValue: $0) },
          errorCode: outcome[HeaderName.errorCode],
          attempts: number,
          latency: now - sending.begin, server: server))
    case .retry(let delay):
      links.turn(from: server)
      links.eventLoop.assumeIsolated().scheduleTask(in: delay) {
        self.attempt(sending, number: number + 1)
      }
    }
  }
}

/// A dispatcher that may be used from tasks.
package struct CommandSender: Sendable {
  private let dispatcher: NIOLoopBound<CommandDispatcher>
  private let eventLoop: any EventLoop

  /// Called on the dispatcher's event loop.
  package init(_ dispatcher: CommandDispatcher) {
    eventLoop = dispatcher.eventLoop
    self.dispatcher = NIOLoopBound(dispatcher, eventLoop: dispatcher.eventLoop)
  }

  /// Sends a command and waits for its outcome, at most for the dispatcher's timeout.
  package func send(_ command: PreparedCommand) async -> CommandOutcome {
    await withCheckedContinuation { continuation in
      eventLoop.execute {
        dispatcher.value.send(command) { continuation.resume(returning: $0) }
      }
    }
  }
}
