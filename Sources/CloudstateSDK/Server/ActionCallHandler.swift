import CloudstateProtocol
import GRPCTransport
import Logging
import NIOCore
import SwiftProtobuf

/// One call of an action: bytes in, decisions by an ``ActionConversation``, bytes out. Lives on the
/// event loop of its call.
///
/// It owns the one task in which a method that waits runs, and cancels it when the call is over before
/// the method is.
final class ActionCallHandler: GRPCServerCallHandler {
  /// A method in its task.
  private struct Running {
    let task: Task<Void, Never>
    let requests: RequestQueue
    let responses: ResponseQueue
  }

  private let call: ActionCallReference
  private var conversation: ActionConversation
  private var running: Running?
  private let logger: Logger

  /// - Parameter conversation: a fresh one.
  init(call: any GRPCServerCall, conversation: ActionConversation, logger: Logger) {
    self.call = ActionCallReference(call)
    self.conversation = conversation
    self.logger = logger
  }

  func receive(_ message: ByteBuffer) {
    let command: Cloudstate_Action_ActionCommand
    do {
      command = try Cloudstate_Action_ActionCommand(decoding: message)
    } catch {
      return refuse(GRPCStatus(.invalidArgument, "A command could not be read: \(error)."))
    }
    switch conversation.receive(command) {
    case .wait: break
    case .start(let start): run(start)
    case .request(let request): running?.requests.receive(request)
    case .refuse(let status): refuse(status)
    }
  }

  func receiveEnd() {
    switch conversation.receiveEnd() {
    case .start(let start, let request): run(start, with: request)
    case .endRequests: running?.requests.receiveEnd()
    case .refuse(let status): refuse(status)
    }
  }

  func writabilityChanged(_ isWritable: Bool) {
    running?.responses.writabilityChanged(isWritable)
  }

  func cancelled(_ status: GRPCStatus) { stop() }

  /// Runs a method; with its one request, or with those that will follow.
  private func run(_ start: ActionConversation.Start, with request: ActionRequest? = nil) {
    let ending = ActionEnding(methodName: start.method.name, logger: logger)
    switch start.method.body {
    case .immediate(let answer):
      guard let call = call.value, let request else { return }
      do {
        call.send(try answer(start.context, request.payload).encoded)
        call.finish(.ok)
      } catch {
        let (status, response) = ending.of(error)
        if let response { call.send(response.encoded) }
        call.finish(status)
      }
      self.call.clear()
    case .task(let body):
      let requests = RequestQueue(call: call)
      let responses = ResponseQueue(call: call)
      if let request {
        requests.receive(request)
        requests.receiveEnd()
      }
      let task = Task {
        do {
          try await body(start.context, requests, responses)
          responses.finish(.ok)
        } catch {
          let (status, response) = ending.of(error)
          responses.finish(status, after: response)
        }
        requests.cancel()
      }
      running = Running(task: task, requests: requests, responses: responses)
    }
  }

  /// Ends a call that breaks the protocol.
  private func refuse(_ status: GRPCStatus) {
    logger.error("an action call was refused: \(status.message)")
    call.value?.finish(status)
    stop()
  }

  private func stop() {
    call.clear()
    running?.task.cancel()
    running?.requests.cancel()
    running?.responses.cancel()
    running = nil
  }
}

/// How a call ends whose method threw.
private struct ActionEnding: Sendable {
  let methodName: String
  let logger: Logger

  /// The status, and a last response before it.
  func of(_ error: any Error) -> (GRPCStatus, Cloudstate_Action_ActionResponse?) {
    // Nobody is left to tell, and giving up is what the method was asked for.
    if Task.isCancelled { return (GRPCStatus(.cancelled, "The call was cancelled."), nil) }
    switch error {
    case let failure as CommandFailure:
      var response = Cloudstate_Action_ActionResponse()
      response.failure.description_p = failure.description
      return (.ok, response)
    default:
      // The text may hold anything, so it stays here.
      logger.error("the action method \(methodName) broke: \(error)")
      return (GRPCStatus(.internalError, "\(methodName) failed unexpectedly."), nil)
    }
  }
}
