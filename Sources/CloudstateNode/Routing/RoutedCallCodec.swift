import CloudstateModel
import CloudstateProtocol
import EntityRuntime
import FoundationEssentials
import MessageBus
import NIOCore

/// Between forwards and side effects for other services and their form on the bus
/// (`cloudstate.internal.cluster.RoutedCall`).
enum RoutedCallCodec {
  static func encode(
    _ call: FunctionCall, in chain: CommandChain, timeout: TimeAmount
  ) -> ByteBuffer {
    var message = Cloudstate_Internal_Cluster_RoutedCall()
    message.serviceName = call.serviceName
    message.method = call.method
    message.payloadTypeURL = call.payloadTypeURL
    message.payload = Data(call.payload)
    message.metadata = call.metadata.map(AnswerCodec.metadataMessage)
    message.idempotencyKey = chain.idempotencyKey ?? ""
    if chain.deadline != nil {
      message.timeoutMilliseconds = UInt64(clamping: timeout.nanoseconds / 1_000_000)
    }
    message.causes = chain.causes
    message.allowance = UInt32(clamping: chain.allowance)
    return message.encoded
  }

  static func decode(_ payload: ByteBuffer) -> (FunctionCall, CommandChain)? {
    guard let message = try? Cloudstate_Internal_Cluster_RoutedCall(decoding: payload) else {
      return nil
    }
    let call = FunctionCall(
      serviceName: message.serviceName, method: message.method,
      payloadTypeURL: message.payloadTypeURL, payload: [UInt8](message.payload),
      metadata: message.metadata.compactMap(AnswerCodec.metadata))
    let timeout = TimeAmount.milliseconds(Int64(clamping: message.timeoutMilliseconds))
    return (
      call,
      CommandChain(
        name: call.description,
        deadline: timeout > .zero ? (NIODeadline.now() + timeout).uptimeNanoseconds : nil,
        idempotencyKey: message.idempotencyKey.isEmpty ? nil : message.idempotencyKey,
        allowance: min(Int(message.allowance), CommandChain.maximumFollowers),
        causes: message.causes)
    )
  }

  static let unknownService: ByteBuffer = {
    var message = Cloudstate_Internal_Cluster_RoutedCallAnswer()
    message.unknownService = true
    return message.encoded
  }()

  /// For a call that the end of the node cuts off.
  static let cutOff = encode(
    .success(
      .error(
        CommandError(
          .outcomeUnknown,
          "the node stopped before the call was answered: it may or may not have run"))))

  static func encode(_ result: Result<CommandAnswer, RoutingError>) -> ByteBuffer {
    var message = Cloudstate_Internal_Cluster_RoutedCallAnswer()
    switch result {
    case .success(let answer): message.answer = AnswerCodec.message(answer)
    case .failure(let error):
      message.refusal = error.message
      message.isCircle = error.isCircle
    }
    return message.encoded
  }

  enum Answer: Sendable {
    /// The node did not get the call.
    case notSent
    case unknownService
    case refused(RoutingError)
    case answered(CommandAnswer)
  }

  static func answer(_ result: Result<ByteBuffer, BusError>, node: NodeID) -> Answer {
    switch result {
    case .failure(let error):
      switch error.code {
      case .unreachable, .noResponder, .closed: return .notSent
      case .overloaded: return .answered(.error(CommandError(.overloaded, error.message)))
      case .timeout, .rejected:
        return .answered(
          .error(
            CommandError(
              .outcomeUnknown,
              "node \(node) did not answer the call: it may or may not have run (\(error.message))")
          ))
      }
    case .success(let payload):
      guard let message = try? Cloudstate_Internal_Cluster_RoutedCallAnswer(decoding: payload)
      else {
        return .answered(
          .error(
            CommandError(.outcomeUnknown, "node \(node) answered in a form unknown to this one")))
      }
      if message.unknownService { return .unknownService }
      if !message.refusal.isEmpty {
        return .refused(RoutingError(message.refusal, isCircle: message.isCircle))
      }
      return .answered(
        AnswerCodec.answer(message.answer)
          ?? .error(
            CommandError(
              .outcomeUnknown, "node \(node) answered in a form unknown to this one")))
    }
  }
}
