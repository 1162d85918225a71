import CloudstateModel
import Logging
import NIOCore
import ZeroMQ

/// Answers on their way to one connection. Belongs to the bus thread.
final class AnswerRoute {
  let id: RouteID
  var outbound: OutboundQueue

  init(id: RouteID, outbound: OutboundQueue) {
    self.id = id
    self.outbound = outbound
  }
}

/// What the bus thread does, round by round: take submissions, send, complete, sleep until something
/// happens, read. Made, used and ended on that thread; it owns all sockets.
///
/// The parts: links to peers (`+Links`), requests and answers (`+Requests`), publications
/// (`+Publications`), who may connect (`+Keys`), and the end (`+Leaving`).
final class BusLoop {
  struct Endpoints: Sendable {
    let request: String
    let publish: String
  }

  /// Messages read from one socket before the others have their turn.
  static let messagesPerRound = 256
  /// How long answers may still arrive after a break has been told.
  static let breakDelay = TimeAmount.milliseconds(50)
  /// Pause before a route that takes no answers is tried again: a ROUTER cannot say which route has room.
  static let routeRetry = TimeAmount.milliseconds(5)

  let nodeID: NodeID
  let endpoints: Endpoints
  let configuration: ZeroMQBusConfiguration
  let queue: SubmissionQueue
  let logger: Logger
  /// See ``PublicationNumber/start``.
  let start: UInt64

  let context: Context
  let router: MonitoredSocket
  let publisher: MonitoredSocket
  /// Decides who may connect; `nil` for a bus without a key.
  let gate: BusGate?
  let frame = Message()
  let poller: SocketPoller

  var links: [NodeID: PeerLink] = [:]
  /// Peers for which no sockets could be opened, and when to try again.
  var unlinked: [NodeID: (peer: BusPeer, retry: NIODeadline)] = [:]
  /// Answers that wait, by connection; only those with something in them.
  var routes: [RouteID: AnswerRoute] = [:]
  var pending: PendingRequests<Requester>
  var nextRequestID: UInt64 = 1
  var subscriptions = SubscriptionTable<PublicationHandler>()
  var responders = ResponderTable<RequestHandler>()
  var publications: [OutgoingPublication] = []
  var completions = CompletionBatch()
  /// The time at which the current round began.
  var now = NIODeadline.now()
  private var submissions: [Submission] = []
  private var outgoing = ByteBuffer()
  private var malformedLog = LogThrottle(interval: .seconds(1))
  private var failureLog = LogThrottle(interval: .seconds(1))
  /// Say who did not get in.
  var refusalLogs: [Refusal: LogThrottle] = [:]
  /// Who asked this bus to wait for the last of its peers' requests, and for whom it waits.
  var leaving: Leaving?

  init(
    nodeID: NodeID, start: UInt64, configuration: ZeroMQBusConfiguration, queue: SubmissionQueue,
    logger: Logger
  ) throws(ZeroMQError) {
    self.nodeID = nodeID
    self.start = start
    self.configuration = configuration
    self.queue = queue
    self.logger = logger
    pending = PendingRequests(limitPerPeer: configuration.pendingRequestsPerPeer)
    let context = try Context()
    gate = try configuration.key.map { key throws(ZeroMQError) in try BusGate(key, in: context) }
    let options =
      configuration.connectionOptions + configuration.listenerOptions
      + [.linger(configuration.drainTime.wholeMilliseconds)]
    // No handover: the names of connections are made up here, and nobody may take one over.
    let router = try MonitoredSocket(.router, options + [.routerMandatory(true)], in: context)
    try router.socket.bind(configuration.requestBind)
    let publisher = try MonitoredSocket(
      .publish, options + [.sendHighWaterMark(1024)], in: context)
    try publisher.socket.bind(configuration.publishBind)
    poller = try SocketPoller(queue.wakeUp)
    try router.join(poller)
    try publisher.join(poller)
    if let gate { try poller.add(gate.socket) }
    endpoints = Endpoints(
      request: try router.socket.lastEndpoint(), publish: try publisher.socket.lastEndpoint())
    self.context = context
    self.router = router
    self.publisher = publisher
  }

  /// Serves until the queue is closed.
  ///
  /// - Parameter failed: called when the sockets no longer work and the bus closes by itself.
  func run(failed: () -> Void) {
    while true {
      now = .now()
      let isOpen = takeSubmissions()
      sendPublications()
      links.values.forEach(sendRequests)
      sendAnswers()
      guard isOpen else { return finish() }
      expire()
      completions.deliver()
      do {
        try poller.wait(milliseconds: sleepMilliseconds())
        if poller.isSignalled { queue.wakeUp.clear() }
        try read()
      } catch {
        logger.critical("the bus cannot go on and closes", metadata: ["error": "\(error)"])
        queue.close()
        failed()
      }
    }
  }

  // MARK: Submissions

  /// Does what has been submitted; `false` if nothing more can come.
  ///
  /// Also called after a message has been received and before it is handled: what was submitted here
  /// before the message was sent there must be in effect, so that nobody who was told of a new responder
  /// finds it missing.
  @discardableResult
  func takeSubmissions() -> Bool {
    let isOpen = queue.takeAll(into: &submissions)
    submissions.forEach(handle)
    submissions.removeAll(keepingCapacity: submissions.count <= configuration.submissionMessages)
    return isOpen
  }

  private func handle(_ submission: Submission) {
    switch submission {
    case .connect(let peer): connect(to: peer)
    case .disconnect(let node): disconnect(from: node)
    case .subscribe(let id, let pattern, let queueGroup, let handler):
      subscribe(id, pattern, queueGroup: queueGroup, handler)
    case .serve(let id, let pattern, let handler):
      responders.add(id, pattern: pattern, handler: handler)
    case .cancel(let id): cancel(id)
    case .publish(let publication): publish(publication)
    case .request(let request): handle(request)
    case .answer(let destination, let result): answer(destination, result)
    case .leave(let completion): leave(completion)
    }
  }

  // MARK: Time

  private func expire() {
    for entry in pending.removeExpired(by: now) {
      fail(entry, sent: .noAnswer(entry.peer), unsent: .notSentInTime(entry.peer))
    }
    for link in links.values where link.breakDeadline.map({ $0 <= now }) ?? false {
      finishBreak(of: link)
    }
    for link in links.values { tryAgainIfDue(link) }
    for due in unlinked.values where due.retry <= now { connect(to: due.peer) }
    for link in links.values { link.status.endLeaving(by: now) }
    for link in links.values where link.status.endGrace(by: now) {
      link.forgetFarewell()
      failRequests(of: link.peer.node)
      logger.warning("no connection to peer", metadata: metadata(of: link.peer))
    }
  }

  /// How long the thread may sleep: milliseconds, -1 for ever.
  private func sleepMilliseconds() -> Int {
    guard queue.prepareToSleep() else { return 0 }
    var earliest = NIODeadline.distantFuture
    func consider(_ deadline: NIODeadline?) {
      if let deadline { earliest = min(earliest, deadline) }
    }
    for link in links.values {
      consider(link.status.deadline)
      consider(link.breakDeadline)
      consider(link.retry)
      consider(link.subscriber?.retry)
    }
    for due in unlinked.values { consider(due.retry) }
    consider(pending.nextDeadline)
    if !routes.isEmpty { consider(now + Self.routeRetry) }
    guard earliest < .distantFuture else { return -1 }
    return Int(max(earliest - .now(), .nanoseconds(0)).wholeMilliseconds)
  }

  // MARK: Sockets

  private func read() throws(ZeroMQError) {
    if router.socket.isReadable { try readRequests() }
    if router.monitor.isReadable { try noteFailedHandshakes(router.monitor) }
    if publisher.monitor.isReadable { try noteFailedHandshakes(publisher.monitor) }
    if let gate, gate.socket.isReadable { try answerQuestions(at: gate) }
    // Reading takes submissions, so a link may have been dropped or replaced by its turn.
    for link in links.values where links[link.peer.node] === link {
      if link.isStalled, link.connection.socket.isWritable { link.isStalled = false }
      if link.connection.socket.isReadable { try readAnswers(of: link) }
      if link.connection.monitor.isReadable { try readEvents(of: link) }
      guard let subscriber = link.subscriber else { continue }
      if subscriber.connection.socket.isReadable { try readPublications(of: link) }
      if subscriber.connection.monitor.isReadable { try readSubscriberEvents(of: link) }
    }
  }

  /// Decodes the frame just received, which must be the last of its message.
  func decodeFrame(on socket: borrowing Socket) throws(ZeroMQError) -> IncomingMessage? {
    guard !frame.hasMore else {
      try skipRest(on: socket)
      noteMalformed("has too many frames")
      return nil
    }
    var bytes = ByteBuffer()
    frame.withBytes { _ = bytes.writeBytes($0) }
    do {
      return try IncomingMessage(bytes)
    } catch {
      noteMalformed(error.reason)
      return nil
    }
  }

  /// Throws away the remaining frames of the message whose frame was just received.
  func skipRest(on socket: borrowing Socket) throws(ZeroMQError) {
    while frame.hasMore, try socket.receive(into: frame) {}
  }

  /// Counts a message that is not ours and says so at most once per second.
  func noteMalformed(_ reason: String) {
    queue.statistics.update { $0.malformedMessages += 1 }
    guard let suppressed = malformedLog.admit(at: now) else { return }
    logger.warning(
      "ignored a message that is not of the bus",
      metadata: ["reason": "\(reason)", "suppressed": "\(suppressed)"])
  }

  /// Says at most once per second that a socket refused a message.
  func noteFailure(_ error: ZeroMQError) {
    guard let suppressed = failureLog.admit(at: now) else { return }
    logger.error(
      "a message was not sent", metadata: ["error": "\(error)", "suppressed": "\(suppressed)"])
  }

  /// Lends the buffer in which messages are put together, beginning with the header for `target`.
  func withMessage<Result, Failure: Error>(
    to target: NodeID?, start: UInt64, _ body: (inout ByteBuffer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    outgoing.clear(minimumCapacity: configuration.coalescingBytes)
    outgoing.writeHeader(MessageHeader(source: nodeID, start: start, target: target))
    return try body(&outgoing)
  }

  func metadata(of peer: BusPeer) -> Logger.Metadata {
    ["peer": "\(peer.node)", "endpoint": "\(peer.requestEndpoint)"]
  }
}
