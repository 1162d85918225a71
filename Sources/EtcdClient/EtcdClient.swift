import CloudstateProtocol
import FoundationEssentials
import GRPCTransport
package import Logging
package import NIOCore
import NIOPosix
import SwiftProtobuf

/// A client of etcd, version 3, with a thread of its own.
///
/// It speaks with one member at a time. When that one cannot be reached, hangs or has lost its cluster, the request
/// goes to the next member, until its time is over. So a request may be carried out more than once, or although it
/// failed: callers make their requests conditional on revisions, and read when an outcome is not known.
///
/// All members may be called from any thread; completions run on ``eventLoop``.
package final class EtcdClient: Sendable {
  package let eventLoop: any EventLoop
  package let configuration: EtcdConfiguration
  private let group: MultiThreadedEventLoopGroup
  private let logger: Logger
  /// Everything that changes, on the loop only.
  private let state: NIOLoopBoundBox<State>

  private struct State {
    var connections: [GRPCClientConnection]
    /// The member that is asked now.
    var current = 0
    var token: String?
    var isClosed = false
    /// Requests that are not answered yet.
    var pending = 0
    var drained: EventLoopPromise<Void>?
  }

  /// Starts the thread and connects nothing yet; ``shutDown()`` must end it.
  ///
  /// - Precondition: there is an endpoint.
  package init(configuration: EtcdConfiguration, logger: Logger) {
    precondition(!configuration.endpoints.isEmpty, "an etcd client needs an endpoint")
    self.configuration = configuration
    self.logger = logger
    group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let eventLoop: any EventLoop = group.next()
    self.eventLoop = eventLoop
    let connections = configuration.endpoints.map { endpoint in
      GRPCClientConnection(
        target: endpoint.address, eventLoop: eventLoop,
        configuration: Self.settings(of: endpoint, in: configuration), logger: logger)
    }
    state = .makeBoxSendingValue(State(connections: connections), eventLoop: eventLoop)
  }

  private static func settings(
    of endpoint: EtcdConfiguration.Endpoint, in configuration: EtcdConfiguration
  ) -> GRPCClientConfiguration {
    var settings = GRPCClientConfiguration()
    settings.tls = endpoint.isEncrypted ? configuration.tls : nil
    settings.connectTimeout = configuration.attemptTimeout
    settings.backoff.maximum = .seconds(1)
    // A member that was out of reach is asked again soon after it is back.
    settings.unacknowledgedTimeout = configuration.attemptTimeout * 3
    // A plan of many shards, and what etcd puts around it.
    settings.maximumMessageBytes = 64 << 20
    return settings
  }

  /// Follows the changes of a key from a revision on. `handler` runs on the loop; the last it hears is
  /// ``EtcdWatchEvent/ended(_:)``, also after ``EtcdWatch/cancel()``. A watch does not resume by itself: whoever
  /// watches reads again, since something may have happened in between.
  package func watch(
    key: [UInt8], from revision: Int64, handler: @escaping @Sendable (EtcdWatchEvent) -> Void
  ) -> EtcdWatch {
    let watch = EtcdWatch(eventLoop: eventLoop)
    eventLoop.execute { [self] in
      guard !state.value.isClosed else {
        return handler(.ended(EtcdError(.unavailable, "the etcd client has been closed")))
      }
      var request = Etcdserverpb_WatchRequest()
      request.createRequest.key = Data(key)
      request.createRequest.startRevision = revision
      let stream = state.value.connections[state.value.current].openStream(
        path: Self.path("Watch/Watch"), metadata: metadata, deadline: nil, waitForReady: false,
        handler: EtcdWatchHandler(handler))
      watch.attach(stream)
      stream.send(request.encoded)
    }
    return watch
  }

  /// Closes all connections and ends the thread. What is under way fails, and is told before.
  package func shutDown() async throws {
    let eventLoop = self.eventLoop
    try await eventLoop.flatSubmit { [state] in
      state.value.isClosed = true
      for connection in state.value.connections { connection.close() }
      let drained = eventLoop.makePromise(of: Void.self)
      if state.value.pending == 0 {
        drained.succeed()
      } else {
        state.value.drained = drained
      }
      return drained.futureResult
    }.get()
    // What completions have put on the loop comes first.
    try await eventLoop.submit {}.get()
    try await group.shutdownGracefully()
  }

  // MARK: One request, several attempts

  private static func path(_ method: String) -> String { "/etcdserverpb.\(method)" }

  /// What goes with each call. A member that has lost its cluster then says so instead of keeping a stream open
  /// that nothing will come on.
  private var metadata: GRPCMetadata {
    var metadata = GRPCMetadata()
    metadata.add("hasleader", "true")
    if let token = state.value.token { metadata.add("token", token) }
    return metadata
  }

  /// Makes a request of one message with an answer of one message.
  func call<Response: Message & Sendable>(
    _ method: String, _ request: any Message, timeout: Duration
  ) -> EventLoopFuture<Response> {
    let payload = request.encoded
    let deadline = NIODeadline.now() + timeout.timeAmount
    return eventLoop.flatSubmit { [self] in
      let promise = eventLoop.makePromise(of: Response.self)
      state.value.pending += 1
      promise.futureResult.whenComplete { [state] _ in
        state.value.pending -= 1
        if state.value.pending == 0 { state.value.drained?.succeed() }
      }
      attempt(
        EtcdAttempt(method: method, payload: payload, deadline: deadline), promise: promise)
      return promise.futureResult
    }
  }

  private func attempt<Response: Message & Sendable>(
    _ attempt: EtcdAttempt, promise: EventLoopPromise<Response>
  ) {
    guard configuration.credentials != nil, state.value.token == nil else {
      return send(attempt, promise: promise)
    }
    authenticate(until: attempt.deadline) { [self] status in
      if let status {
        failed(attempt, status, promise: promise)
      } else {
        send(attempt, promise: promise)
      }
    }
  }

  private func send<Response: Message & Sendable>(
    _ attempt: EtcdAttempt, promise: EventLoopPromise<Response>
  ) {
    unary(attempt.method, attempt.payload, deadline: attempt.deadline) { [self] result in
      switch result {
      case .failure(let status): failed(attempt, status, promise: promise)
      case .success(let payload):
        promise.completeWith(
          Result { try Response(decoding: payload) }.mapError {
            EtcdError(.failed, "etcd's answer to \(attempt.method) cannot be read: \($0)")
          })
      }
    }
  }

  private func unary(
    _ method: String, _ payload: ByteBuffer, deadline: NIODeadline,
    completion: @escaping @Sendable (Result<ByteBuffer, GRPCStatus>) -> Void
  ) {
    guard !state.value.isClosed else {
      return completion(.failure(GRPCStatus(.cancelled, "the etcd client has been closed")))
    }
    let asked = state.value.current
    state.value.connections[asked].unary(
      path: Self.path(method), metadata: metadata, message: payload,
      deadline: min(deadline, .now() + configuration.attemptTimeout)
    ) { [state] result in
      // Another request may have found out before.
      if case .failure(let status) = result, Self.isMembersFault(status),
        state.value.current == asked
      {
        state.value.current = (asked + 1) % state.value.connections.count
      }
      completion(result.map(\.message))
    }
  }

  private func failed<Response: Message & Sendable>(
    _ attempt: EtcdAttempt, _ status: GRPCStatus, promise: EventLoopPromise<Response>
  ) {
    var next = attempt
    next.count += 1
    // Tokens end, are forgotten when etcd restarts, and those of the kind JWT end with any change of users or roles.
    let isOldToken =
      !attempt.isNewToken
      && ["invalid auth token", "revision of auth store is old"].contains {
        status.message.contains($0)
      }
    if isOldToken {
      state.value.token = nil
      next.isNewToken = true
    }
    guard isOldToken || Self.isMembersFault(status), !state.value.isClosed,
      .now() < attempt.deadline
    else { return promise.fail(EtcdError(status)) }
    logger.debug("etcd: \(attempt.method) failed, trying again: \(status)")
    let isRoundOver = next.count % configuration.endpoints.count == 0
    let delay: TimeAmount = isRoundOver && !isOldToken ? configuration.retryDelay : .zero
    guard .now() + delay < attempt.deadline else { return promise.fail(EtcdError(status)) }
    let again = next
    eventLoop.scheduleTask(in: delay) { [self] in self.attempt(again, promise: promise) }
  }

  private func authenticate(
    until deadline: NIODeadline, completion: @escaping @Sendable (GRPCStatus?) -> Void
  ) {
    var request = Etcdserverpb_AuthenticateRequest()
    request.name = configuration.credentials?.name ?? ""
    request.password = configuration.credentials?.password ?? ""
    unary("Auth/Authenticate", request.encoded, deadline: deadline) { [state] result in
      do {
        let answer = try Etcdserverpb_AuthenticateResponse(decoding: result.get())
        state.value.token = answer.token
        completion(nil)
      } catch {
        completion(error as? GRPCStatus ?? GRPCStatus(.internalError, "\(error)"))
      }
    }
  }

  /// Whether another member may do better.
  private static func isMembersFault(_ status: GRPCStatus) -> Bool {
    EtcdError(status).kind == .unavailable && status.code != .cancelled
  }
}

/// A request on its way.
private struct EtcdAttempt: Sendable {
  let method: String
  let payload: ByteBuffer
  /// For all attempts together.
  let deadline: NIODeadline
  var count = 0
  /// Whether it goes with a token that was just given.
  var isNewToken = false
}

extension Duration {
  fileprivate var timeAmount: TimeAmount {
    .nanoseconds(components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000)
  }
}
