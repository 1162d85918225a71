import CloudstateModel
import Eventing
import Ingress
import NIOCore

/// Runs the calls that hand events over, as side effects are run: on this node, to whatever node has the
/// entity, with the same limits on what may follow.
struct EventCallRunner: EventCaller {
  let runner: CommandRunner
  /// How long an action may take for one event.
  let actionTimeout: TimeAmount
  /// Tells the user function and the log what went wrong.
  let report: @Sendable (String) -> Void

  func call(
    _ call: FunctionCall, key: String, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (EventOutcome) -> Void
  ) {
    let chain = CommandChain(name: call.description, deadline: nil, idempotencyKey: key)
    do throws(RoutingError) {
      let target = try runner.find(call, chain).target
      guard case .action(let shape) = target else {
        runner.run(call, in: chain, on: eventLoop) { result in
          switch result {
          case .success(let answer): completion(EventOutcome(answer))
          case .failure(let error): completion(failed(error))
          }
        }
        return
      }
      let request = ActionRequest(
        serviceName: call.serviceName, method: call.method, shape: shape,
        payloadTypeURL: call.payloadTypeURL, metadata: [], messageMetadata: call.metadata,
        deadline: (NIODeadline.now() + actionTimeout).uptimeNanoseconds)
      EventActionCall(
        request, key: key, runner: runner, eventLoop: eventLoop, completion: completion
      )
      .start(payload: call.payload)
    } catch {
      completion(failed(error))
    }
  }

  private func failed(_ error: RoutingError) -> EventOutcome {
    report(error.message)
    return .failed(error.message)
  }
}

extension EventOutcome {
  /// - Parameter answer: after everything that followed from it.
  init(_ answer: CommandAnswer) {
    switch answer.outcome {
    case .reply, .forward: self = .handled
    case .failure(let text):
      self = .refused(text, wasRemembered: answer.commitment?.isDuplicate ?? false)
    // The key is the event's own: an earlier try got as far as this entity, with a command that the function
    // has put together differently this time. What it was to do is done.
    case .error(let error) where error.code == .idempotencyKeyReused: self = .handled
    // The change is made and will reach the other nodes; replicated entities remember no keys, so a repetition
    // would make it twice.
    case .error(let error) where error.code == .consistencyNotReached: self = .handled
    case .error(let error):
      self = error.code.saysNothingOfTheEvent ? .unavailable("\(error)") : .failed("\(error)")
    }
  }
}

extension CommandError.Code {
  /// Whether any other event would have failed as well.
  fileprivate var saysNothingOfTheEvent: Bool {
    switch self {
    case .functionUnavailable, .shardUnavailable, .outcomeUnknown, .overloaded, .stopping,
      .storeFailed, .recoveryFailed, .entityTerminated:
      true
    case .unexpectedReply, .unexpectedFailure, .unexpectedMessage, .unexpectedTermination, .timeout,
      .idempotencyKeyReused, .invalidArgument, .routingFailed, .tooManyHops, .actionFailed,
      .entityDeleted, .consistencyNotReached, .unauthenticated, .permissionDenied:
      false
    }
  }
}
