package import CloudstateModel
import Dispatch
package import Logging
package import NIOCore
import Synchronization
import ZeroMQ

/// The bus between processes: ZeroMQ sockets owned by one thread (design sections 5.1 and 6).
///
/// Callers put what they want into a bounded queue and wake the thread if it sleeps; the thread gathers
/// what waits for one peer into one message, and hands completions back with one task per event loop and
/// round. Publications from here reach local subscribers through the same thread, in the same order.
package final class ZeroMQMessageBus: MessageBus {
  package let nodeID: NodeID
  /// Where this bus really listens; what peers put into ``BusPeer``.
  package let requestEndpoint: String
  package let publishEndpoint: String

  private let configuration: ZeroMQBusConfiguration
  private let queue: SubmissionQueue
  private let thread: SocketThread
  private let nextRegistration = Atomic<UInt64>(1)

  private init(
    nodeID: NodeID, endpoints: BusLoop.Endpoints, configuration: ZeroMQBusConfiguration,
    queue: SubmissionQueue, thread: SocketThread
  ) {
    self.nodeID = nodeID
    requestEndpoint = endpoints.request
    publishEndpoint = endpoints.publish
    self.configuration = configuration
    self.queue = queue
    self.thread = thread
  }

  deinit { queue.close() }

  /// Binds the sockets and starts the bus thread. Blocks for the moment that takes.
  ///
  /// - Parameter failed: called once, on the bus thread, if the bus cannot go on later and closes by itself;
  ///   its owner then hears nothing of others and should end too.
  /// - Throws: ``BusStartError`` for a bad setting or an endpoint that cannot be bound.
  package static func start(
    configuration: ZeroMQBusConfiguration, nodeID: NodeID, logger: Logger,
    failed: @escaping @Sendable () -> Void = {}
  ) throws -> ZeroMQMessageBus {
    try configuration.validate()
    do throws(ZeroMQError) {
      let start = DispatchTime.now().uptimeNanoseconds ^ UInt64.random(in: 0...UInt64.max)
      let queue = try SubmissionQueue(configuration: configuration, start: start)
      let started = StartResult()
      let thread = try SocketThread(name: "bus") {
        do throws(ZeroMQError) {
          let loop = try BusLoop(
            nodeID: nodeID, start: start, configuration: configuration, queue: queue,
            logger: logger)
          started.set(.success(loop.endpoints))
          loop.run(failed: failed)
        } catch {
          started.set(.failure(error))
        }
      }
      return ZeroMQMessageBus(
        nodeID: nodeID, endpoints: try started.wait().get(), configuration: configuration,
        queue: queue, thread: thread)
    } catch {
      throw BusStartError("the bus cannot start: \(error)")
    }
  }

  /// Ends the bus: lets its peers send what they have under way, sends queued answers for a moment, fails
  /// unanswered requests as closed, closes the sockets and waits for the thread. What still serves requests is
  /// to be stopped before, so that they are answered as not served. Call off the event loops. Called from a
  /// handler it only begins the end and does not wait; calls after the first do not wait either.
  package func shutdown() {
    guard !thread.isCurrent else { return queue.close() }
    let hasLeft = DispatchSemaphore(value: 0)
    if queue.control(.leave { hasLeft.signal() }) {
      let limit = DispatchTimeInterval.nanoseconds(Int(configuration.farewellTime.nanoseconds))
      _ = hasLeft.wait(timeout: .now() + limit)
    }
    queue.close()
    thread.join()
  }

  /// What another bus links with to reach this one.
  package func peer(incarnation: UInt64) -> BusPeer {
    BusPeer(
      node: nodeID, requestEndpoint: requestEndpoint, publishEndpoint: publishEndpoint,
      incarnation: incarnation)
  }

  /// What was refused or lost so far.
  package var statistics: BusStatistics { queue.statistics.current }

  package func connect(to peer: BusPeer) { queue.control(.connect(peer)) }

  package func disconnect(from node: NodeID) { queue.control(.disconnect(node)) }

  package func publish(_ subject: Subject, payload: ByteBuffer) {
    queue.publish(subject, payload: payload)
  }

  package func subscribe(
    _ pattern: SubjectPattern, queueGroup: String?,
    handler: @escaping @Sendable (Publication) -> Void
  ) -> Subscription {
    register { .subscribe($0, pattern, queueGroup: queueGroup, handler) }
  }

  package func serve(
    _ pattern: SubjectPattern, handler: @escaping @Sendable (BusRequest) -> Void
  ) -> Subscription {
    register { .serve($0, pattern, handler) }
  }

  package func request(
    _ subject: Subject, payload: ByteBuffer, to node: NodeID, timeout: TimeAmount,
    on eventLoop: any EventLoop,
    completion: @escaping @Sendable (Result<ByteBuffer, BusError>) -> Void
  ) {
    let requester = Requester(eventLoop: eventLoop, completion: completion)
    if let error = BusError.oversize(
      "request", subject: subject, payload: payload, limit: configuration.maximumMessageBytes)
    {
      return requester.complete(.failure(error))
    }
    let request = OutgoingRequest(
      subject: subject, payload: payload, target: node, deadline: .now() + timeout,
      requester: requester)
    switch queue.request(request) {
    case nil: break
    case .full:
      requester.complete(
        .failure(BusError(.overloaded, "the bus of \(nodeID) is busy; try again later")))
    case .closed: requester.complete(.failure(.closed(nodeID)))
    }
  }

  private func register(_ submission: (UInt64) -> Submission) -> Subscription {
    let id = nextRegistration.wrappingAdd(1, ordering: .relaxed).oldValue
    queue.control(submission(id))
    return Subscription { [queue] in queue.control(.cancel(id)) }
  }
}

/// Hands the outcome of starting from the bus thread to the starter.
private final class StartResult: Sendable {
  private let value = Mutex<Result<BusLoop.Endpoints, ZeroMQError>?>(nil)
  private let isSet = DispatchSemaphore(value: 0)

  func set(_ result: Result<BusLoop.Endpoints, ZeroMQError>) {
    value.withLock { $0 = result }
    isSet.signal()
  }

  func wait() -> Result<BusLoop.Endpoints, ZeroMQError> {
    isSet.wait()
    return value.withLock { $0 }
      ?? .failure(ZeroMQError(code: 0, operation: "start of the bus thread"))
  }
}
