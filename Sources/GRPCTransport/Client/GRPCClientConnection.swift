package import Logging
package import NIOCore
import NIOHPACK

/// A client's connection to one server, on one event loop.
///
/// It connects with the first call and from then on keeps itself connected until ``close()``. While
/// an attempt is under way calls wait for it; when the attempt fails, those that do not wait for
/// readiness end with UNAVAILABLE. After a GOAWAY the calls in flight finish on the old connection
/// and new ones go to a new one.
///
/// @unchecked Sendable: every package member but `init` first checks that it runs on `eventLoop`,
/// and all mutable state is private to those members and to handlers that run there too.
package final class GRPCClientConnection: GRPCClientTransport, @unchecked Sendable {
  /// The server, as given.
  package let target: GRPCAddress
  /// Where every member but `init` is called.
  package let eventLoop: any EventLoop
  /// The settings, as given.
  let configuration: GRPCClientConfiguration
  /// The deadlines of all calls, also of those that wait.
  let deadlines: DeadlineQueue
  private let logger: Logger
  private var machine: ReconnectMachine
  /// The session that is connecting or ready.
  private var session: ClientSession?
  /// Sessions that finish their calls after a GOAWAY.
  private var draining: [ObjectIdentifier: ClientSession] = [:]
  private var waiting: WaitingCalls
  private var readyWaiters: [(Result<Void, GRPCStatus>) -> Void] = []
  private var retryTimer: Scheduled<Void>?
  private var lastFailure = ""
  private var random = SystemRandomNumberGenerator()
  private var stateObserver: ((GRPCConnectivity) -> Void)?
  /// Gives a session its channel; a test may have one without a socket.
  var dial: (ClientSession, GRPCAddress) -> Void = { $0.connect(to: $1) }

  /// May be called from any thread; connects nothing yet.
  package init(
    target: GRPCAddress, eventLoop: any EventLoop,
    configuration: GRPCClientConfiguration = GRPCClientConfiguration(), logger: Logger
  ) {
    self.target = target
    self.eventLoop = eventLoop
    self.configuration = configuration
    self.logger = logger
    deadlines = DeadlineQueue(eventLoop: eventLoop)
    machine = ReconnectMachine(backoff: configuration.backoff)
    waiting = WaitingCalls(maximumCount: configuration.maximumQueuedCalls)
  }

  /// Hears every change of ``connectivity``, on the event loop.
  package var onStateChange: ((GRPCConnectivity) -> Void)? {
    get {
      eventLoop.preconditionInEventLoop()
      return stateObserver
    }
    set {
      eventLoop.preconditionInEventLoop()
      stateObserver = newValue
    }
  }

  /// What the connection is doing now.
  package var connectivity: GRPCConnectivity {
    eventLoop.preconditionInEventLoop()
    return machine.connectivity
  }

  package func openStream(
    path: String, metadata: GRPCMetadata, deadline: NIODeadline?, waitForReady: Bool,
    handler: any GRPCClientStreamHandler
  ) -> any GRPCClientStream {
    eventLoop.preconditionInEventLoop()
    let call = ClientCall(
      connection: self, path: path, metadata: withCommonMetadata(metadata), deadline: deadline,
      waitsForReady: waitForReady, handler: handler)
    if let deadline { deadlines.insert(call, deadline: deadline) }
    place(call)
    return call
  }

  /// Connects without a call. The completion runs on the event loop: with success when the
  /// connection is ready, with UNAVAILABLE when the attempt under way fails or the connection is
  /// closed.
  package func connect(_ completion: @escaping (Result<Void, GRPCStatus>) -> Void) {
    eventLoop.preconditionInEventLoop()
    switch machine.state {
    case .ready:
      completion(.success(()))
    case .closed:
      completion(.failure(unavailable))
    case .idle, .connecting, .waiting:
      readyWaiters.append(completion)
      if machine.wanted() { startSession() }
    }
  }

  package func close() {
    eventLoop.preconditionInEventLoop()
    guard machine.state != .closed else { return }
    lastFailure = "the client has been closed"
    machine.close()
    retryTimer?.cancel()
    deadlines.close()
    let sessions = [session].compactMap(\.self) + Array(draining.values)
    session = nil
    for session in sessions { session.close() }
    for call in waiting.take(where: { _ in true }) { call.end(unavailable) }
    tellReadyWaiters(.failure(unavailable))
    stateObserver?(.shutdown)
    stateObserver = nil
  }

  // MARK: From calls and sessions

  /// Finds a place for a call that has none: on the connection, in the queue, or nowhere.
  private func place(_ call: ClientCall) {
    switch machine.state {
    case .ready:
      if let session, session.hasRoom, waiting.count == 0 {
        session.open(call)
      } else {
        enqueue(call)
      }
    case .connecting:
      enqueue(call)
    case .idle:
      enqueue(call)
      if machine.wanted() { startSession() }
    case .waiting where call.waitsForReady:
      enqueue(call)
    case .waiting, .closed:
      refuse(call, unavailable)
    }
  }

  /// A call in the queue has ended, and left its mark off.
  func queuedCallEnded() { waiting.oneEnded() }

  /// The session's server has sent its settings: calls may go.
  func sessionReady(_ session: ClientSession) {
    guard session === self.session else { return session.close() }
    machine.connected(now: .now())
    logger.debug("connected", metadata: ["target": "\(target)"])
    stateObserver?(.ready)
    tellReadyWaiters(.success(()))
    roomFreed(in: session)
  }

  /// The session takes no more calls. Its streams end by themselves, or go on if it drains.
  func sessionLost(_ session: ClientSession, reason: String) {
    guard session === self.session else { return }
    self.session = nil
    draining[ObjectIdentifier(session)] = session
    lastFailure = reason
    logger.debug("disconnected", metadata: ["target": "\(target)", "reason": "\(reason)"])
    guard let delay = machine.interrupted(now: .now(), using: &random) else { return }
    guard delay > .zero else { return startSession() }
    stateObserver?(.transientFailure)
    retryTimer = eventLoop.assumeIsolated().scheduleTask(in: delay) {
      if self.machine.retryDue() { self.startSession() }
    }
    for call in waiting.take(where: { !$0.waitsForReady }) { call.end(unavailable) }
    tellReadyWaiters(.failure(unavailable))
  }

  /// The session's connection is gone.
  func sessionEnded(_ session: ClientSession) {
    draining.removeValue(forKey: ObjectIdentifier(session))
  }

  /// A stream has ended, or the server allows more.
  func roomFreed(in session: ClientSession) {
    guard session === self.session else { return }
    while session.hasRoom, let call = waiting.popFirst() { session.open(call) }
  }

  private func startSession() {
    let session = ClientSession(owner: self, configuration: configuration, logger: logger)
    self.session = session
    stateObserver?(.connecting)
    dial(session, target)
  }

  private func withCommonMetadata(_ metadata: GRPCMetadata) -> GRPCMetadata {
    guard !configuration.metadata.headers.isEmpty else { return metadata }
    var all = configuration.metadata
    all.headers.add(contentsOf: metadata.headers)
    return all
  }

  private func enqueue(_ call: ClientCall) {
    guard waiting.append(call) else {
      return refuse(
        call,
        GRPCStatus(
          .resourceExhausted,
          "\(waiting.maximumCount) calls to \(target) are waiting already; try again later"))
    }
  }

  /// Ends a call that is not in the queue, after its opener has got it.
  private func refuse(_ call: ClientCall, _ status: GRPCStatus) {
    call.end(status, soon: true)
  }

  private func tellReadyWaiters(_ result: Result<Void, GRPCStatus>) {
    let waiters = readyWaiters
    readyWaiters = []
    for waiter in waiters { waiter(result) }
  }

  private var unavailable: GRPCStatus {
    GRPCStatus(.unavailable, "no connection to \(target): \(lastFailure)")
  }
}
