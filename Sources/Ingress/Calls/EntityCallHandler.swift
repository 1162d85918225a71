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
  private let commands: EntityCommandMaker
  private let ingress: Ingress
  private var waiting: Deque<ByteBuffer> = []
  private var isRunning = false
  private var hasEnded = false
  private var isOver = false
  private var messages = 0
  private var started = 0
  private var waitingBytes = 0
  private var replies: ClientReplies
  private var trailers = GRPCMetadata()

  init(
    call: any GRPCServerCall, route: IngressRoute, persistenceID: String,
    entityID: @escaping IngressRoute.EntityIDReader, ingress: Ingress
  ) {
    self.call = call
    self.ingress = ingress
    self.replies = ClientReplies(call: call, route: route, ingress: ingress)
    self.commands = EntityCommandMaker(
      route: route, persistenceID: persistenceID, entityID: entityID,
      idempotencyKey: call.metadata[HeaderName.idempotencyKey],
      maximumIdempotencyKeyBytes: ingress.configuration.maximumIdempotencyKeyBytes,
      metadata: ingress.configuration.capturesMetadata
        ? MetadataHeaders.metadata(call.metadata) : [],
      deadline: call.deadline?.uptimeNanoseconds)
  }

  func receive(_ message: ByteBuffer) {
    guard !isOver else { return }
    messages += 1
    if isRunning || !call.isWritable {
      waiting.append(message)
      waitingBytes += message.readableBytes
      adjustReading()
    } else {
      run(message)
    }
  }

  func receiveEnd() {
    hasEnded = true
    guard !isOver, !isRunning, waiting.isEmpty else { return }
    if messages == 0 {
      finish(.error(CommandError(.invalidArgument, "the call carried no request message")))
    } else {
      finishAfterLastReply()
    }
  }

  /// Replies wait for a client that does not read, so commands wait for it too.
  func writabilityChanged(_ isWritable: Bool) {
    if isWritable, !isOver, !isRunning { runNext() }
  }

  func cancelled(_ status: GRPCStatus) {
    // A command that is already running is not undone (proxy behaviour, section 4.4).
    isOver = true
    waiting.removeAll()
  }

  private func runNext() {
    guard call.isWritable || waiting.isEmpty else { return }
    if let next = waiting.popFirst() {
      waitingBytes -= next.readableBytes
      adjustReading()
      run(next)
    } else if hasEnded {
      finishAfterLastReply()
    }
  }

  private func adjustReading() {
    call.setReading(
      waiting.count < ingress.configuration.queuedMessagesPerCall
        && waitingBytes < ingress.configuration.queuedBytesPerCall)
  }

  private func run(_ message: ByteBuffer) {
    started += 1
    let command: EntityCommand
    switch commands.command([UInt8](buffer: message), number: started) {
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

  private func answered(_ answer: CommandAnswer) {
    isRunning = false
    guard !isOver else { return }
    if let commitment = answer.commitment { MetadataHeaders.set(commitment, in: &trailers) }
    guard case .reply(let payload) = answer.outcome else {
      finish(answer)
      return
    }
    if let payload { replies.send(payload) }
    runNext()
  }

  private func finishAfterLastReply() {
    isOver = true
    call.finish(.ok, trailers: trailers)
  }

  private func finish(_ answer: CommandAnswer) {
    isOver = true
    waiting.removeAll()
    CallEnding.finish(call, with: answer.outcome, trailers: trailers)
  }
}
