import GRPCTransport
import Ingress
import NIOCore
import Testing

/// The layers in front of the transcoder.
@Suite struct WebRoutersTests {
  /// Answers its own name, in the way the target says.
  private struct Last: HTTPServerRouter {
    func handle(
      _ request: HTTPServerRequest, on exchange: any HTTPServerExchange
    ) -> (any HTTPServerExchangeHandler)? {
      let start = HTTPResponseStart(status: 200, contentType: "text/plain")
      switch request.target {
      case "/stream":
        exchange.begin(start)
        exchange.send(ByteBuffer(string: "la"))
        exchange.send(ByteBuffer(string: "st"))
        exchange.end()
      case "/abort":
        exchange.begin(start)
        exchange.abort()
      default: exchange.respond(start, body: ByteBuffer(string: "last"))
      }
      return nil
    }
  }

  private func answer(
    _ router: any HTTPServerRouter, _ method: String = "GET", _ target: String = "/",
    _ headers: [(String, String)]
  ) -> RecordedExchange {
    let exchange = RecordedExchange()
    var metadata = GRPCMetadata()
    for (name, value) in headers { metadata.add(name, value) }
    let handler = router.handle(
      HTTPServerRequest(method: method, target: target, headers: metadata, body: ByteBuffer()),
      on: exchange)
    #expect(handler == nil)
    return exchange
  }

  @Test(
    "The probe is answered, and nothing else",
    arguments: [
      ("queue", 200, "queue"), ("Queue", 400, "unexpected probe header value: Queue"),
      ("", 400, "unexpected probe header value: "), (nil, 200, "last"),
    ] as [(String?, Int, String)])
  func probe(value: String?, status: Int, body: String) {
    let exchange = answer(
      NetworkProbe(next: Last()), "GET", "/", value.map { [("k-network-probe", $0)] } ?? [])
    #expect(exchange.status == status)
    #expect(exchange.body == body)
    #expect(exchange.isEnded)
  }

  @Test("Whatever the response is made of, it gets the headers for the browser")
  func cors() throws {
    let origin = "https://shop.example"
    let router = CORSRouter(
      policy: CORSPolicy(
        origins: .listed([try WebOrigin(setting: origin)]), allowsCredentials: false,
        maximumAge: 1), next: Last())
    for target in ["/", "/stream"] {
      let exchange = answer(router, "GET", target, [("origin", origin)])
      #expect(exchange.start?.headers["access-control-allow-origin"] == origin)
      #expect(exchange.body == "last")
      #expect(exchange.isEnded)
    }
    #expect(answer(router, "GET", "/abort", [("origin", origin)]).isAborted)
    let asked = answer(
      router, "OPTIONS", "/", [("origin", origin), ("access-control-request-method", "PUT")])
    #expect(asked.status == 204)
    #expect(asked.body == "")
    let refused = answer(
      router, "OPTIONS", "/",
      [("origin", "https://evil.example"), ("access-control-request-method", "PUT")])
    #expect(refused.status == 403)
    #expect(refused.body.contains("https://evil.example"))
  }
}
