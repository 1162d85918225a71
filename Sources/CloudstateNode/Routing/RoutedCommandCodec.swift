import CloudstateModel
import CloudstateProtocol
import EntityRuntime
import FoundationEssentials
import Ingress
import MessageBus
import NIOCore

/// Between commands and their form on the bus (`cloudstate.internal.cluster.RoutedCommand`).
enum RoutedCommandCodec {
  static func encode(
    _ command: EntityCommand, methods: EntityMethods, timeout: TimeAmount
  ) -> ByteBuffer {
    var message = Cloudstate_Internal_Cluster_RoutedCommand()
    message.serviceName = command.serviceName
    message.method = command.method
    message.entityID = command.entity.entityID
    message.payload = Data(command.payload)
    if methods[command.serviceName, command.method]?.inputTypeURL != command.payloadTypeURL {
      message.payloadTypeURL = command.payloadTypeURL
    }
    message.metadata = command.metadata.map(AnswerCodec.metadataMessage)
    message.metadataIsForFunction = command.metadataIsForFunction
    message.idempotencyKey = command.idempotencyKey ?? ""
    message.timeoutMilliseconds = UInt64(clamping: timeout.nanoseconds / 1_000_000)
    return message.encoded
  }

  /// - Returns: `nil` if the bytes are no command or name a method that this node does not serve.
  static func decode(_ payload: ByteBuffer, methods: EntityMethods) -> EntityCommand? {
    guard
      let message = try? Cloudstate_Internal_Cluster_RoutedCommand(decoding: payload),
      let method = methods[message.serviceName, message.method], !message.entityID.isEmpty,
      case .entity(let persistenceID, _) = method.target,
      !methods.isReplicated(message.serviceName)
    else { return nil }
    let timeout = TimeAmount.milliseconds(Int64(clamping: message.timeoutMilliseconds))
    var command = EntityCommand(
      serviceName: message.serviceName, method: message.method,
      entity: EntityKey(persistenceID: persistenceID, entityID: message.entityID),
      payloadTypeURL: message.payloadTypeURL.isEmpty
        ? method.inputTypeURL : message.payloadTypeURL,
      payload: [UInt8](message.payload),
      metadata: message.metadata.compactMap(AnswerCodec.metadata),
      idempotencyKey: message.idempotencyKey.isEmpty ? nil : message.idempotencyKey,
      deadline: timeout > .zero ? (NIODeadline.now() + timeout).uptimeNanoseconds : nil)
    command.metadataIsForFunction = message.metadataIsForFunction
    return command
  }

  static func encode(_ answer: CommandAnswer) -> ByteBuffer {
    AnswerCodec.message(answer).encoded
  }

  /// What the requester makes of the owner's answer, or of its absence.
  static func answer(_ result: Result<ByteBuffer, BusError>, owner: NodeID) -> CommandAnswer {
    switch result {
    case .success(let payload):
      let message = try? Cloudstate_Internal_Cluster_CommandAnswer(decoding: payload)
      guard let answer = message.flatMap(AnswerCodec.answer) else {
        return .error(
          CommandError(.outcomeUnknown, "node \(owner) answered in a form unknown to this one"))
      }
      // A node that stops has not started the command, and is usually back soon.
      if case .error(let error) = answer.outcome, error.code == .stopping {
        return .error(
          CommandError(
            .shardUnavailable, "node \(owner), which owns the entity, is stopping; retry"))
      }
      return answer
    case .failure(let error):
      return .error(CommandError(code(of: error), message(of: error, owner: owner)))
    }
  }

  private static func code(of error: BusError) -> CommandError.Code {
    switch error.code {
    case .unreachable, .noResponder: .shardUnavailable
    // The owner may have run the command and found its answer too long for the bus.
    case .timeout, .rejected: .outcomeUnknown
    case .overloaded: .overloaded
    case .closed: .stopping
    }
  }

  private static func message(of error: BusError, owner: NodeID) -> String {
    switch error.code {
    case .timeout:
      "node \(owner), which owns the entity, did not answer: the command may or may not have run "
        + "(\(error.message)); repeat it with the same idempotency key"
    default:
      "node \(owner), which owns the entity, cannot take the command now (\(error.message)); retry"
    }
  }
}
