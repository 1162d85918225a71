package import NIOCore

/// A client and a server in one process and on one event loop: calls go from the one to the other
/// without connection, framing or copying, and mean the same as between processes.
///
/// Nothing is delivered inside a call of either side: what one end sends, the other gets soon after, in
/// a turn of the event loop that serves all calls with something to deliver. So neither side need
/// expect to be called while it calls, and a conversation takes no stack however long it is.
///
/// @unchecked Sendable: every package member but `init` first checks that it runs on `eventLoop`, and
/// all mutable state is private to those members and to calls that live there too.
package final class InProcessConnection: GRPCClientTransport, @unchecked Sendable {
  /// Long enough for the event loop to look at its sockets, short enough to go unnoticed.
  private static let pause = TimeAmount.microseconds(10)

  package let eventLoop: any EventLoop
  let configuration: InProcessConfiguration
  let router: any GRPCServerRouter
  let deadlines: DeadlineQueue
  private var calls: [ObjectIdentifier: InProcessCall] = [:]
  /// Calls with something to deliver, each once.
  private var due = CircularBuffer<InProcessCall>()
  private var isTurnScheduled = false
  private var isTakingTurns = false
  private var isClosed = false
  /// Calls are finished, none begins; who waits for the last.
  private var idle: (() -> Void)?

  /// May be called from any thread.
  package init(
    router: any GRPCServerRouter, eventLoop: any EventLoop,
    configuration: InProcessConfiguration = InProcessConfiguration()
  ) {
    self.router = router
    self.eventLoop = eventLoop
    self.configuration = configuration
    deadlines = DeadlineQueue(eventLoop: eventLoop)
  }

  /// - Parameter waitForReady: means nothing here; there is always somebody to call.
  package func openStream(
    path: String, metadata: GRPCMetadata, deadline: NIODeadline?, waitForReady: Bool,
    handler: any GRPCClientStreamHandler
  ) -> any GRPCClientStream {
    eventLoop.preconditionInEventLoop()
    let call = InProcessCall(
      connection: self, path: path, metadata: metadata, deadline: deadline, handler: handler)
    calls[ObjectIdentifier(call)] = call
    if isClosed || idle != nil {
      call.abort(Self.closed)
    } else {
      if let deadline { deadlines.insert(call, deadline: deadline) }
      call.becameDue()
    }
    return call
  }

  package func close() {
    eventLoop.preconditionInEventLoop()
    guard !isClosed else { return }
    isClosed = true
    for call in calls.values { call.abort(Self.closed) }
    deadlines.close()
    // At once, as the event loop may be about to end, too.
    takeTurns(limit: due.count)
  }

  /// Takes no more calls, and closes when those that are open have ended or their time is over.
  ///
  /// - Parameter completion: called when it is closed, also within this call.
  package func closeWhenIdle(
    within grace: TimeAmount, completion: @escaping () -> Void
  ) {
    eventLoop.preconditionInEventLoop()
    guard idle == nil, !isClosed, !calls.isEmpty else {
      close()
      return completion()
    }
    let limit = eventLoop.assumeIsolated().scheduleTask(in: grace) { self.close() }
    idle = {
      limit.cancel()
      completion()
    }
  }

  private static let closed = GRPCStatus(
    .unavailable, "the connection within the process was closed")

  // MARK: From calls

  /// The call has something to deliver and is not among those that have.
  func becameDue(_ call: InProcessCall) {
    due.append(call)
    guard !isTakingTurns, !isTurnScheduled else { return }
    isTurnScheduled = true
    eventLoop.assumeIsolated().execute { self.turn() }
  }

  /// Both ends of the call know its end.
  func ended(_ call: InProcessCall) {
    calls.removeValue(forKey: ObjectIdentifier(call))
    guard calls.isEmpty, let completion = idle.take() else { return }
    isClosed = true
    deadlines.close()
    completion()
  }

  private func turn() {
    isTurnScheduled = false
    takeTurns(limit: configuration.turnsPerTick)
  }

  private func takeTurns(limit: Int) {
    guard !isTakingTurns else { return }
    isTakingTurns = true
    var turns = 0
    while turns < limit, let call = due.popFirst() {
      call.deliver()
      turns += 1
    }
    isTakingTurns = false
    guard !due.isEmpty, !isTurnScheduled else { return }
    isTurnScheduled = true
    // Not `execute`: the event loop runs what it is given that way before it looks at its sockets.
    eventLoop.assumeIsolated().scheduleTask(in: Self.pause) { self.turn() }
  }
}
