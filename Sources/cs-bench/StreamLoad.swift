import GRPCTransport
import Logging
import NIOCore

/// A closed loop of commands on streamed calls: each of `inFlight` callers has one call open for the whole
/// run, and sends its next message when its last was answered. What a call costs beside its messages
/// does not count then. Runs on one event loop, over one connection. Loop-bound.
final class StreamLoad {
  private let connection: GRPCClientConnection
  private let makeMessage: (Int) -> ByteBuffer
  private let end: NIODeadline
  private let measureFrom: NIODeadline
  private var sent = 0
  private var open = 0
  private var errors = 0
  private var firstError: GRPCStatus?
  private var latencies: [UInt64] = []
  private let done: (StreamLoad) -> Void

  private init(
    connection: GRPCClientConnection, warmUp: TimeAmount, duration: TimeAmount,
    makeMessage: @escaping (Int) -> ByteBuffer, done: @escaping (StreamLoad) -> Void
  ) {
    self.connection = connection
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
      let load = StreamLoad(
        connection: connection, warmUp: warmUp, duration: duration, makeMessage: makeMessage
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
      load.open = inFlight
      for _ in 0..<inFlight {
        let caller = Caller(load)
        caller.start(
          connection.openStream(
            path: path, metadata: GRPCMetadata(), deadline: load.end + .seconds(30),
            waitForReady: true, handler: caller))
      }
    }
    return try await promise.futureResult.get()
  }

  /// The next message, until the time is over.
  private func next(now: NIODeadline) -> ByteBuffer? {
    guard now < end else { return nil }
    defer { sent += 1 }
    return makeMessage(sent)
  }

  private func answered(start: NIODeadline, now: NIODeadline) {
    if start >= measureFrom, now <= end { latencies.append(UInt64((now - start).nanoseconds)) }
  }

  private func ended(_ status: GRPCStatus) {
    if status.code != .ok {
      errors += 1
      firstError = firstError ?? status
    }
    open -= 1
    if open == 0 { done(self) }
  }

  /// One call. Keeps the load alive until its end.
  private final class Caller: GRPCClientStreamHandler {
    private let load: StreamLoad
    private var stream: (any GRPCClientStream)?
    private var start = NIODeadline.now()

    init(_ load: StreamLoad) { self.load = load }

    func start(_ stream: any GRPCClientStream) {
      self.stream = stream
      sendNext()
    }

    func receive(_ message: ByteBuffer) {
      load.answered(start: start, now: .now())
      sendNext()
    }

    func ended(_ status: GRPCStatus, trailers: GRPCMetadata) {
      stream = nil
      load.ended(status)
    }

    private func sendNext() {
      start = .now()
      if let message = load.next(now: start) {
        stream?.send(message)
      } else {
        stream?.sendEnd()
      }
    }
  }
}
