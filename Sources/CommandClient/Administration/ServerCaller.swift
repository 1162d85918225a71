import CloudstateProtocol
package import CommandLineKit
package import GRPCTransport
package import NIOCore
package import SwiftProtobuf

/// Makes one call after the other, or several at once, over connections that stay open; turns to the next server
/// when one does not answer. Any task.
package struct ServerCaller: Sendable {
  private let links: NIOLoopBound<ServerLinks>
  private let eventLoop: any EventLoop
  package let session: ClientSession

  /// ``close()`` must be called at the end.
  package init(_ session: ClientSession) async {
    self.session = session
    let eventLoop = session.group.next()
    self.eventLoop = eventLoop
    links = await withCheckedContinuation { continuation in
      eventLoop.execute {
        continuation.resume(
          returning: NIOLoopBound(
            ServerLinks(
              addresses: session.addresses, on: eventLoop, connect: session.connect),
            eventLoop: eventLoop))
      }
    }
  }

  package func close() async {
    await withCheckedContinuation { continuation in
      eventLoop.execute {
        links.value.close()
        continuation.resume()
      }
    }
  }

  /// Asks the server in use.
  ///
  /// - Throws: ``GRPCStatus`` for every end but OK.
  package func call<Answer: SwiftProtobuf.Message & Sendable>(
    _ path: String, _ request: some SwiftProtobuf.Message & Sendable, timeout: TimeAmount
  ) async throws(GRPCStatus) -> Answer {
    let message = request.encoded
    let (outcome, address) = await withCheckedContinuation { continuation in
      eventLoop.execute {
        let address = links.value.currentAddress
        callUnary(
          on: links.value.currentTransport, path: path, metadata: GRPCMetadata(),
          message: message, deadline: .now() + timeout, waitForReady: false
        ) { continuation.resume(returning: ($0, address)) }
      }
    }
    guard outcome.status.code == .ok, let reply = outcome.message else {
      if outcome.status.isWorthAnotherTry {
        eventLoop.execute { links.value.turn(from: address) }
      }
      throw outcome.status
    }
    guard let answer = try? Answer(decoding: reply) else {
      throw GRPCStatus(.internalError, "\(address) answered unreadably")
    }
    return answer
  }

  /// Asks until a server answers, or another try would be of no use, or `patience` is over.
  ///
  /// - Parameter retrying: told why there is another try.
  package func persistentCall<Answer: SwiftProtobuf.Message & Sendable>(
    _ path: String, _ request: some SwiftProtobuf.Message & Sendable, patience: TimeAmount,
    retrying: @Sendable (GRPCStatus) -> Void = { _ in }
  ) async throws -> Answer {
    let deadline = NIODeadline.now() + patience
    var pause = TimeAmount.milliseconds(50)
    while true {
      do throws(GRPCStatus) {
        return try await call(path, request, timeout: session.timeout)
      } catch {
        guard error.isWorthAnotherTry, NIODeadline.now() + pause < deadline else { throw error }
        retrying(error)
      }
      try await Task.sleep(for: .nanoseconds(pause.nanoseconds))
      pause = min(pause * 2, .seconds(1))
    }
  }
}

extension GRPCStatus {
  /// Whether the same call may be answered later, or by another server.
  package var isWorthAnotherTry: Bool {
    switch code {
    case .unavailable, .deadlineExceeded, .resourceExhausted: true
    default: false
    }
  }

  /// The error that ends a program which asked a node about its data.
  package func dataError(
    of session: ClientSession, verb: String, hint: String? = nil
  ) -> ProgramError {
    switch code {
    case .unavailable, .deadlineExceeded: session.unreachable(self)
    case .unimplemented:
      ProgramError(
        "the server does not offer the administration of data",
        hint: "use the public port of a node, for example --server 127.0.0.1:9000",
        status: .notFound)
    case .unauthenticated, .permissionDenied:
      programError(
        hint: "the caller needs 'admin cs.admin.\(verb)'; without access rules, ask from the "
          + "machine of the node itself")
    case .notFound: ProgramError(text, hint: hint, status: .notFound)
    default: programError(hint: hint)
    }
  }
}
