import GRPCTransport
import Logging
import NIOCore
import NIOPosix

/// One call of a load.
struct UnaryCall {
  var path: String
  var message: ByteBuffer
}

/// A closed loop of unary calls: each of `inFlight` callers sends its next call when its last was answered.
/// Runs on one event loop, over one connection. Loop-bound.
final class UnaryLoad {
  private let connection: GRPCClientConnection
  private let makeCall: (Int) -> UnaryCall
  private let end: NIODeadline
  private let measureFrom: NIODeadline
  private var sent = 0
  private var open = 0
  private var errors = 0
  private var firstError: GRPCStatus?
  private var latencies: [UInt64] = []
  private let done: (UnaryLoad) -> Void

  private init(
    connection: GRPCClientConnection, warmUp: TimeAmount, duration: TimeAmount,
    makeCall: @escaping (Int) -> UnaryCall, done: @escaping (UnaryLoad) -> Void
  ) {
    self.connection = connection
    self.makeCall = makeCall
    self.measureFrom = .now() + warmUp
    self.end = measureFrom + duration
    self.done = done
    latencies.reserveCapacity(1_000_000)
  }

  /// Runs the load and answers what it found.
  static func run(
    name: String, target: GRPCAddress,
    client: GRPCClientConfiguration = GRPCClientConfiguration(), inFlight: Int,
    warmUp: TimeAmount, duration: TimeAmount, on eventLoop: any EventLoop,
    makeCall: @escaping @Sendable (Int) -> UnaryCall
  ) async throws -> LatencySummary {
    let promise = eventLoop.makePromise(of: LatencySummary.self)
    eventLoop.execute {
      let connection = GRPCClientConnection(
        target: target, eventLoop: eventLoop, configuration: client,
        logger: Logger(label: "cs-bench") { _ in SwiftLogNoOpLogHandler() })
      let load = UnaryLoad(
        connection: connection, warmUp: warmUp, duration: duration, makeCall: makeCall
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
    let call = makeCall(sent)
    sent += 1
    open += 1
    _ = connection.unary(
      path: call.path, metadata: GRPCMetadata(), message: call.message,
      deadline: start + .seconds(30), waitForReady: true
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
