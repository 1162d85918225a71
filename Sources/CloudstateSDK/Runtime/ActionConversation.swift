import CloudstateProtocol
import GRPCTransport
import SwiftProtobuf

/// The protocol of one call of `ActionProtocol` (protocol section 6.1): where the caller does not
/// stream, one command with names and payload; where it does, a header with names, then payloads
/// without names. Pure: message in, what to do out.
struct ActionConversation {
  /// What to run.
  struct Start {
    let method: ActionMethod
    let context: ActionContext
  }

  /// What to do after a message.
  enum OnMessage {
    /// Nothing yet.
    case wait
    /// Run a method; its requests follow.
    case start(Start)
    /// Pass a request to the running method.
    case request(ActionRequest)
    /// End the call.
    case refuse(GRPCStatus)
  }

  /// What to do when the caller has sent its last message.
  enum OnEnd {
    /// Run a method with its one request.
    case start(Start, ActionRequest)
    /// Tell the running method that no more requests follow.
    case endRequests
    /// End the call.
    case refuse(GRPCStatus)
  }

  private enum Phase {
    /// Nothing came yet. Next: `complete` or `streaming`.
    case awaitingFirst
    /// The one command came; the end of the caller's side must follow.
    case complete(Start, ActionRequest)
    /// The header came; requests may come.
    case streaming
  }

  private let services: [String: HostedService]
  private let shape: MethodShape
  private var phase = Phase.awaitingFirst

  /// - Parameters:
  ///   - services: What the server hosts, by service name.
  ///   - shape: The shape that the sidecar called.
  init(services: [String: HostedService], shape: MethodShape) {
    self.services = services
    self.shape = shape
  }

  /// Takes the next message of the call.
  mutating func receive(_ command: Cloudstate_Action_ActionCommand) -> OnMessage {
    do throws(GRPCStatus) {
      switch phase {
      case .awaitingFirst where shape.takesOne:
        phase = .complete(try start(command), try request(in: command))
        return .wait
      case .awaitingFirst:
        let start = try start(command)
        guard !command.hasPayload else {
          throw violation("The header of a streamed call to \(command.name) carried a payload.")
        }
        phase = .streaming
        return .start(start)
      case .complete(let start, _):
        throw violation("\(start.method.name) takes one message, but a second arrived.")
      case .streaming:
        guard command.serviceName.isEmpty, command.name.isEmpty else {
          throw violation("A second header arrived, for \(command.name).")
        }
        return .request(try request(in: command))
      }
    } catch {
      return .refuse(error)
    }
  }

  /// The caller has sent its last message.
  mutating func receiveEnd() -> OnEnd {
    switch phase {
    case .awaitingFirst: .refuse(violation("The call ended before its first message."))
    case .complete(let start, let request): .start(start, request)
    case .streaming: .endRequests
    }
  }

  private func start(_ command: Cloudstate_Action_ActionCommand) throws(GRPCStatus) -> Start {
    let service = command.serviceName
    guard case .action(let methods) = services[service]?.kind else {
      throw GRPCStatus(
        .unimplemented,
        unknownService(service, among: services, kind: .action).description)
    }
    guard let method = methods[command.name] else {
      throw GRPCStatus(.unimplemented, "\(service) has no handler for '\(command.name)'.")
    }
    guard method.shape == shape else {
      throw GRPCStatus(
        .unimplemented,
        "\(service).\(command.name) is handled by an \(method.shape.handler), "
          + "but was called as \(shape.protocolMethod).")
    }
    return Start(
      method: method,
      context: ActionContext(
        methodName: command.name, metadata: Metadata(command.metadata)))
  }

  private func request(
    in command: Cloudstate_Action_ActionCommand
  ) throws(GRPCStatus) -> ActionRequest {
    guard command.hasPayload else { throw violation("A request arrived without payload.") }
    return ActionRequest(payload: command.payload, metadata: Metadata(command.metadata))
  }

  private func violation(_ text: String) -> GRPCStatus { GRPCStatus(.invalidArgument, text) }
}

extension MethodShape {
  /// The method of `ActionProtocol` for calls of this shape.
  var protocolMethod: String {
    switch self {
    case .unary: "handleUnary"
    case .streamedIn: "handleStreamedIn"
    case .streamedOut: "handleStreamedOut"
    case .streamed: "handleStreamed"
    }
  }
}
