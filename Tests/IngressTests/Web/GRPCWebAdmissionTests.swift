import GRPCTransport
import NIOCore
import Testing

/// What a gRPC-Web call costs before somebody may make it.
@Suite struct GRPCWebAdmissionTests {
  /// Answers every call at once, or does not read it.
  private struct Refusing: GRPCServerRouter {
    let isPending: Bool

    func handler(for call: any GRPCServerCall) -> (any GRPCServerCallHandler)? {
      if isPending {
        call.setReading(false)
      } else {
        call.finish(GRPCStatus(.permissionDenied, "no"))
      }
      return UnreadHandler()
    }
  }

  private final class UnreadHandler: GRPCServerCallHandler {
    func receive(_ message: ByteBuffer) { Issue.record("the call was read") }
    func receiveEnd() { Issue.record("the call was read") }
    func writabilityChanged(_ isWritable: Bool) {}
    func cancelled(_ status: GRPCStatus) { Issue.record("the body was looked at: \(status)") }
  }

  private struct NothingElse: HTTPServerRouter {
    func handle(
      _ request: HTTPServerRequest, on exchange: any HTTPServerExchange
    ) -> (any HTTPServerExchangeHandler)? { nil }
  }

  @Test(
    "The body of a call that may not be made, or not yet, is not decoded", arguments: [false, true])
  func undecoded(isPending: Bool) {
    let router = GRPCWebRouter(
      calls: Refusing(isPending: isPending), maximumMessageBytes: 1024, next: NothingElse())
    let exchange = RecordedExchange()
    var headers = GRPCMetadata()
    headers.add("content-type", "application/grpc-web-text+proto")
    let request = HTTPServerRequest(
      method: "POST", target: "/test.Test/Unary", headers: headers,
      body: ByteBuffer(string: "this is not base64!"))
    let handler = router.handle(request, on: exchange)
    #expect((handler != nil) == isPending)
    #expect(exchange.isEnded != isPending)
    #expect(exchange.bytes.isEmpty == isPending)
    #expect(!exchange.body.contains("base64"))
  }
}
