import CloudstateProtocol
import GRPCTransport
import NIOCore
import SwiftProtobuf

/// A case for which the kit plays the user function and starts a proxy in front of it.
struct ScriptedProcedure: Sendable {
  /// What the function announces.
  var spec: @Sendable () -> Cloudstate_EntitySpec
  /// How many discoveries fail first.
  var refusals = 0
  /// Whether the proxy is to serve; if not, the case begins when it was started.
  var serves = true
  let run: @Sendable (ScriptedScene) async throws(CaseFailure) -> Void
}

/// What such a case has at hand.
struct ScriptedScene: Sendable {
  let function: ScriptedFunction
  /// A client of the proxy; `nil` where it is not to serve.
  let client: GRPCAsyncClient?
  /// Where the proxy has to listen.
  let address: GRPCAddress
  let limit: Duration
  /// Whether the process of the proxy still runs.
  let isRunning: @Sendable () -> Bool
  /// How long nothing may happen where nothing is to happen.
  let quiet = Duration.milliseconds(100)

  // MARK: The client's side

  /// Calls a method of the proxy.
  func call(
    _ method: String, _ request: some Message, metadata: GRPCMetadata = GRPCMetadata()
  ) -> PendingCall {
    PendingCall(client, method, request.encoded, metadata, limit: limit)
  }

  // MARK: The function's side

  /// The next call of the proxy, which has to be one of this method of the protocol.
  func accept(_ path: String) async throws(CaseFailure) -> ScriptedCall {
    guard let call = await function.calls.next(within: limit) else {
      throw failure("a call of \(path)", "none within \(limit)")
    }
    guard call.path == path else { throw failure("a call of \(path)", "a call of \(call.path)") }
    return call
  }

  /// The next message of a call.
  func message<Content: Message>(
    _ call: ScriptedCall, _ what: String
  ) async throws(CaseFailure) -> Content {
    let event = await call.incoming.next(within: limit)
    guard case .message(let bytes) = event, let content = try? Content(decoding: bytes) else {
      throw failure(what, describe(event))
    }
    return content
  }

  /// The proxy has to say nothing on this call for a while.
  func expectSilence(_ call: ScriptedCall, _ why: String) async throws(CaseFailure) {
    if let event = await call.incoming.next(within: quiet) {
      throw failure("nothing \(why)", describe(event))
    }
  }

  /// The proxy has to end this call, well or not.
  func expectEnd(of call: ScriptedCall) async throws(CaseFailure) {
    let event = await call.incoming.next(within: limit)
    switch event {
    case .completed, .failed: return
    case .message, nil: throw failure("the end of the stream", describe(event))
    }
  }

  /// What the proxy reports; waits no longer when it has ended.
  func report() async -> String? {
    let clock = ContinuousClock()
    // Starting takes its time.
    let end = clock.now + limit * 3
    while clock.now < end && isRunning() {
      if let report = await function.reports.next(within: quiet) { return report }
    }
    return await function.reports.next(within: quiet)
  }

  func failure(_ expected: String, _ received: String) -> CaseFailure {
    CaseFailure(step: "", expected: expected, received: received)
  }
}

/// A call of the client that is under way; calls arrive at the proxy in the order in which they were
/// made.
struct PendingCall: Sendable {
  private let call: GRPCBidirectionalCall?
  private let outcome = EventQueue<Result<ByteBuffer?, GRPCStatus>>()
  private let method: String
  private let limit: Duration

  fileprivate init(
    _ client: GRPCAsyncClient?, _ method: String, _ message: ByteBuffer, _ metadata: GRPCMetadata,
    limit: Duration
  ) {
    self.method = method
    self.limit = limit
    call = client?.bidirectional(path: "/\(method)", metadata: metadata, timeout: limit * 2)
    call?.send(message)
    call?.finishSending()
    guard let call else { return }
    // Ends with the call, which has a limit.
    Task { [outcome] in outcome.add(await Self.end(of: call)) }
  }

  /// The bytes of the reply.
  func reply() async throws(CaseFailure) -> ByteBuffer {
    let expected = "the client to get a reply"
    switch await outcome.next(within: limit) {
    case .success(let bytes?): return bytes
    case .success(nil): throw failure(expected, "an empty answer")
    case .failure(let status): throw failure(expected, "the gRPC error \(status)")
    case nil: throw failure(expected, "nothing within \(limit)")
    }
  }

  /// Has to fail with UNKNOWN and this text (proxy-behaviour section 21).
  func expectFailure(_ text: String) async throws(CaseFailure) {
    let wanted = GRPCStatus(.unknown, text)
    let expected = "the client to get the gRPC error \(wanted)"
    switch await outcome.next(within: limit) {
    case .success: throw failure(expected, "a reply")
    case .failure(let status):
      if status != wanted { throw failure(expected, "the gRPC error \(status)") }
    case nil: throw failure(expected, "nothing within \(limit)")
    }
  }

  /// Must not be over yet.
  func expectNoAnswer(within quiet: Duration, _ why: String) async throws(CaseFailure) {
    switch await outcome.next(within: quiet) {
    case .success: throw failure("no answer \(why)", "a reply")
    case .failure(let status): throw failure("no answer \(why)", "the gRPC error \(status)")
    case nil: return
    }
  }

  private func failure(_ expected: String, _ received: String) -> CaseFailure {
    CaseFailure(step: method, expected: expected, received: received)
  }

  private static func end(of call: GRPCBidirectionalCall) async -> Result<ByteBuffer?, GRPCStatus> {
    var last: ByteBuffer?
    do {
      for try await message in call.messages { last = message }
      return .success(last)
    } catch let status as GRPCStatus {
      return .failure(status)
    } catch {
      return .failure(GRPCStatus(.unknown, "\(error)"))
    }
  }
}
