import CloudstateModel
import DequeModule
import GRPCTransport
import NIOCore

/// One client call of an entity's method. Loop-bound to its call.
///
/// Several messages on one call are consecutive commands whose replies come back in order (proxy behaviour,
/// section 4.2), so a unary call is simply a call with one message.
final class EntityCallHandler: GRPCServerCallHandler {
  private let call: any GRPCServerCall
  private let route: IngressRoute
  private let ingress: Ingress
  private let idempotencyKey: String?
  private let metadata: [CommandMetadata]
  private var waiting: Deque<ByteBuffer> = []
  private var isRunning = false
  private var hasEnded = false
  private var isOver = false
  private var messages = 0
  private var repliesSent = 0
  private var trailers = GRPCMetadata()

  init(call: any GRPCServerCall, route: IngressRoute, ingress: Ingress) {
    self.call = call
    self.route = route
    self.ingress = ingress
    self.idempotencyKey = call.metadata[HeaderName.idempotencyKey]
    self.metadata =
      ingress.configuration.capturesMetadata ? MetadataHeaders.metadata(call.metadata) : []
  }

  func receive(_ message: ByteBuffer) {
    guard !isOver else { return }
    messages += 1
    if isRunning {
      waiting.append(message)
      if waiting.count >= ingress.configuration.queuedMessagesPerCall { call.setReading(false) }
    } else {
      run(message)
    }
  }

  func receiveEnd() {
    hasEnded = true
    guard !isOver, !isRunning else { return }
    if messages == 0 {
      finish(.error(CommandError(.invalidArgument, "the call carried no request message")))
    } else {
      finishAfterLastReply()
    }
  }

  func writabilityChanged(_ isWritable: Bool) {}

  func cancelled(_ status: GRPCStatus) {
    // A command that is already running is not undone (proxy behaviour, section 4.4).
    isOver = true
    waiting.removeAll()
  }

  private func run(_ message: ByteBuffer) {
    let command: EntityCommand
    switch makeCommand(message) {
    case .success(let made): command = made
    case .failure(let error):
      finish(.error(error))
      return
    }
    isRunning = true
    let handler = NIOLoopBound(self, eventLoop: call.eventLoop)
    ingress.dispatcher.dispatch(command, on: call.eventLoop) { answer in
      handler.value.answered(answer)
    }
  }

  private func makeCommand(_ message: ByteBuffer) -> Result<EntityCommand, CommandError> {
    let entityID: String
    do {
      entityID = try message.withUnsafeReadableBytes { try route.entityID($0) }
    } catch {
      return .failure(
        CommandError(.invalidArgument, "the request is not a valid message: \(error)"))
    }
    guard !entityID.isEmpty else {
      return .failure(
        CommandError(
          .invalidArgument, "the entity key of \(route.path) is empty; set the request's key field")
      )
    }
    var key = idempotencyKey
    if let given = key {
      guard !given.isEmpty,
        given.utf8.count <= ingress.configuration.maximumIdempotencyKeyBytes
      else {
        return .failure(
          CommandError(
            .invalidArgument,
            "the idempotency key must have 1 to "
              + "\(ingress.configuration.maximumIdempotencyKeyBytes) bytes"))
      }
      // Each message of a call is a command of its own.
      if messages > 1 { key = "\(given)#\(messages)" }
    }
    return .success(
      EntityCommand(
        serviceName: route.serviceName, method: route.method,
        entity: EntityKey(persistenceID: route.persistenceID, entityID: entityID),
        payloadTypeURL: route.inputTypeURL, payload: [UInt8](buffer: message), metadata: metadata,
        idempotencyKey: key, deadline: call.deadline?.uptimeNanoseconds))
  }

  private func answered(_ answer: CommandAnswer) {
    isRunning = false
    guard !isOver else { return }
    if let commitment = answer.commitment { MetadataHeaders.add(commitment, to: &trailers) }
    guard case .reply(let payload) = answer.outcome else {
      finish(answer)
      return
    }
    if let payload { send(payload) }
    if let next = waiting.popFirst() {
      if waiting.isEmpty { call.setReading(true) }
      run(next)
    } else if hasEnded {
      finishAfterLastReply()
    }
  }

  private func send(_ payload: ReplyPayload) {
    if payload.typeURL != route.outputTypeURL {
      ingress.report(
        "Warning: \(route.serviceName).\(route.method): Expected reply type_url to be "
          + "[\(route.outputTypeURL)] but was [\(payload.typeURL)].")
    }
    if repliesSent == 0, !payload.metadata.isEmpty {
      call.sendHeaders(MetadataHeaders.headers(payload.metadata))
    }
    repliesSent += 1
    call.send(ByteBuffer(bytes: payload.value))
  }

  private func finishAfterLastReply() {
    isOver = true
    call.finish(.ok, trailers: trailers)
  }

  private func finish(_ answer: CommandAnswer) {
    isOver = true
    waiting.removeAll()
    switch answer.outcome {
    case .reply:
      call.finish(.ok, trailers: trailers)
    case .failure(let description):
      call.finish(GRPCStatus(.unknown, description), trailers: trailers)
    case .error(let error):
      trailers.add(HeaderName.errorCode, error.code.rawValue)
      trailers.add(HeaderName.retryable, error.isWorthRetrying ? "true" : "false")
      call.finish(
        GRPCStatus(GRPCStatus.Code(rawValue: error.grpcStatusCode) ?? .unknown, error.message),
        trailers: trailers)
    }
  }
}
