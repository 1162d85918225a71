import CloudstateModel
import DequeModule
import GRPCTransport
import NIOCore

/// One client call of an action's method, whatever its shape. Loop-bound to its call.
///
/// Requests go on to the user function as they come, at its pace. Responses are handled strictly one after
/// the other: side effects, then the forward or the message (proxy behaviour, section 6), at the client's
/// pace. Ends and cancellations are passed on in both directions.
final class ActionCallHandler: GRPCServerCallHandler, ActionCallOwner {
  /// Responses that may wait for the one before them until the function is no longer read.
  private static let maximumWaiting = 16

  private let call: any GRPCServerCall
  private let route: IngressRoute
  private let shape: ActionShape
  private let ingress: Ingress
  private let request: ActionRequest
  /// The call to the user function; `nil` before a request of a shape with one, and at the end.
  private var action: (any ActionCall)?
  private var waiting: Deque<CommandAnswer> = []
  private var isSettling = false
  private var messages = 0
  private var replies: ClientReplies
  /// How the function has ended the call, once it has.
  private var functionEnd: CommandError??
  private var isOver = false

  init(call: any GRPCServerCall, route: IngressRoute, shape: ActionShape, ingress: Ingress) {
    self.call = call
    self.route = route
    self.shape = shape
    self.ingress = ingress
    self.replies = ClientReplies(call: call, route: route, ingress: ingress)
    self.request = ActionRequest(
      serviceName: route.serviceName, method: route.method, shape: shape,
      payloadTypeURL: route.inputTypeURL, metadata: MetadataHeaders.metadata(call.metadata),
      deadline: call.deadline?.uptimeNanoseconds)
    if shape.hasManyRequests { open() }
  }

  private func open() {
    action = ingress.dispatcher.open(request, on: call.eventLoop, owner: self)
  }

  // MARK: From the client

  func receive(_ message: ByteBuffer) {
    guard !isOver else { return }
    messages += 1
    if !shape.hasManyRequests {
      guard messages == 1 else {
        return fail(
          CommandError(.invalidArgument, "\(route.path) takes one request message, not several"))
      }
      open()
    }
    action?.send([UInt8](buffer: message))
    if action?.isWritable == false { call.setReading(false) }
  }

  func receiveEnd() {
    guard !isOver else { return }
    if messages == 0, !shape.hasManyRequests {
      return fail(CommandError(.invalidArgument, "the call carried no request message"))
    }
    action?.end()
  }

  func writabilityChanged(_ isWritable: Bool) { adjustReading() }

  func cancelled(_ status: GRPCStatus) { release() }

  // MARK: From the user function

  func received(_ answer: CommandAnswer) {
    guard !isOver else { return }
    waiting.append(answer)
    if isSettling { adjustReading() } else { settleNext() }
  }

  func functionWritabilityChanged(_ isWritable: Bool) {
    if isWritable, !isOver { call.setReading(true) }
  }

  func ended(_ error: CommandError?) {
    action = nil
    guard !isOver else { return }
    functionEnd = .some(error)
    settleNext()
  }

  // MARK: Responses

  private func settleNext() {
    guard !isSettling, !isOver else { return }
    guard let answer = waiting.popFirst() else {
      adjustReading()
      if let end = functionEnd { finish(end.map(CommandOutcome.error) ?? .reply(nil)) }
      return
    }
    adjustReading()
    isSettling = true
    let handler = NIOLoopBound(self, eventLoop: call.eventLoop)
    ingress.dispatcher.settle(answer, of: request, on: call.eventLoop) { settled in
      handler.value.settled(settled)
    }
  }

  private func settled(_ answer: CommandAnswer) {
    isSettling = false
    guard !isOver else { return }
    guard case .reply(let payload) = answer.outcome else { return finish(answer.outcome) }
    if let payload { replies.send(payload) }
    settleNext()
  }

  /// Holds the function back while the client, or what follows from a response, is slow.
  private func adjustReading() {
    action?.setReading(waiting.count < Self.maximumWaiting && call.isWritable)
  }

  // MARK: Ends

  private func fail(_ error: CommandError) { finish(.error(error)) }

  private func finish(_ outcome: CommandOutcome) {
    release()
    CallEnding.finish(call, with: outcome, trailers: GRPCMetadata())
  }

  private func release() {
    isOver = true
    waiting.removeAll()
    action?.cancel()
    action = nil
  }
}
