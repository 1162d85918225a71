import GRPCTransport
import Logging
import NIOCore
import NIOPosix

/// A closed loop of unary calls: each of `inFlight` callers sends its next call when its last was answered.
/// Runs on one event loop, over one connection. Loop-bound.
final class UnaryLoad {
  private let connection: GRPCClientConnection
  private let path: String
  private let makeMessage: (Int) -> ByteBuffer
  private let end: NIODeadline
  private let measureFrom: NIODeadline
  private var sent = 0
  private var open = 0
  private var errors = 0
  private var firstError: GRPCStatus?
  private var latencies: [UInt64] = []
  private let done: (UnaryLoad) -> Void

  private init(
    connection: GRPCClientConnection, path: String, warmUp: TimeAmount, duration: TimeAmount,
    makeMessage: @escaping (Int) -> ByteBuffer, done: @escaping (UnaryLoad) -> Void
  ) {
    self.connection = connection
    self.path = path
    self.makeMessage = makeMessage
    self.measureFrom = .now() + warmUp
    self.end = measureFrom + duration
    self.done = done
    latencies.reserveCapacity(1_000_000)
  }

  /// Runs the load and answers what it found.
  static func run(
    name: String, target: GRPCAddress,
    client: GRPCClientConfiguration = GRPCClientConfiguration(), path: String, inFlight: Int,
    warmUp: TimeAmount, duration: TimeAmount, on eventLoop: any EventLoop,
    makeMessage: @escaping @Sendable (Int) -> ByteBuffer
  ) async throws -> LatencySummary {
    let promise = eventLoop.makePromise(of: LatencySummary.self)
    eventLoop.execute {
      let connection = GRPCClientConnection(
        target: target, eventLoop: eventLoop, configuration: client,
        logger: Logger(label: "cs-bench") { _ in SwiftLogNoOpLogHandler() })
      let load = UnaryLoad(
        connection: connection, path: path, warmUp: warmUp, duration: duration,
        makeMessage: makeMessage
      ) { load in
        load.connection.close()
        if let error = load.firstError, load.latencies.isEmpty {
          promise.fail(error)
        } else {
          promise.succeed(
            LatencySummary(
              name: name, inFlight: inFlight, errors: load.errors,
              seconds: Double(duration.nanoseconds) / 1e9, latencies: load.latencies,
              total: load.sent))
        }
      }
      for _ in 0..<inFlight { load.sendNext() }
    }
    return try await promise.futureResult.get()
  }

  private func sendNext() {
    let start = NIODeadline.now()
    let message = makeMessage(sent)
    sent += 1
    open += 1
    _ = connection.unary(
      path: path, metadata: GRPCMetadata(), message: message, deadline: start + .seconds(30),
      waitForReady: true
    ) { [self] result in
      open -= 1
      let now = NIODeadline.now()
      switch result {
      case .success:
        if start >= measureFrom && now <= end {
          latencies.append(UInt64((now - start).nanoseconds))
        }
      case .failure(let status):
        errors += 1
        firstError = firstError ?? status
      }
      if now < end && errors < 1000 {
        sendNext()
      } else if open == 0 {
        done(self)
      }
    }
  }
}
