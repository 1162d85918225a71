import GRPCTransport
import NIOCore
import NIOHPACK
import Synchronization

/// A router with one target for each thing the tests need: `/echo` answers what it got; `/later` does so in the
/// next tick; `/stream` sends two pieces; `/abort` breaks off after one; `/flood` sends 16 KiB pieces as long
/// as it is writable; `/empty` has no content; `/never` does nothing; `/big` answers 8 MiB at once.
final class TestHTTPRouter: HTTPServerRouter {
  struct Log {
    var requests: [HTTPServerRequest] = []
    var cancelled = 0
    var sentBytes = 0
    /// How often an exchange took no more.
    var stalls = 0
    /// How often a handler was told something while it was sending.
    var interruptions = 0
  }

  private let log = Mutex(Log())

  var now: Log { log.withLock { $0 } }

  func note(_ change: (inout Log) -> Void) { log.withLock { change(&$0) } }

  func handle(
    _ request: HTTPServerRequest, on exchange: any HTTPServerExchange
  ) -> (any HTTPServerExchangeHandler)? {
    note { $0.requests.append(request) }
    var start = HTTPResponseStart(status: 200, contentType: "text/plain")
    switch request.target {
    case "/later":
      exchange.eventLoop.assumeIsolated().execute {
        exchange.respond(start, body: ByteBuffer(string: "later"))
      }
      return TestExchangeHandler(self, nil)
    case "/stream":
      exchange.begin(start)
      exchange.send(ByteBuffer(string: "one"))
      exchange.send(ByteBuffer(string: "two"))
      exchange.end()
    case "/abort":
      exchange.begin(start)
      exchange.send(ByteBuffer(string: "one"))
      exchange.abort()
    case "/flood":
      exchange.begin(start)
      let handler = TestExchangeHandler(self, exchange)
      handler.flood()
      return handler
    case "/empty":
      start.status = 204
      exchange.respond(start, body: ByteBuffer())
    case "/never":
      return TestExchangeHandler(self, nil)
    case "/big":
      exchange.respond(start, body: ByteBuffer(repeating: 0x78, count: 8 << 20))
    default:
      start.headers.add("x-echo", request.headers["x-color"] ?? "none")
      start.headers.add("connection", "upgrade")
      start.headers.add("x-bad", "a\r\nb: c")
      exchange.respond(
        start,
        body: ByteBuffer(string: "\(request.method) \(request.target) ")
          + request.body)
    }
    return nil
  }
}

private final class TestExchangeHandler: HTTPServerExchangeHandler {
  private let router: TestHTTPRouter
  private let exchange: (any HTTPServerExchange)?
  private var isSending = false
  private var isOver = false

  init(_ router: TestHTTPRouter, _ exchange: (any HTTPServerExchange)?) {
    self.router = router
    self.exchange = exchange
  }

  /// Sends in turns: a client that reads as fast would keep the loop for ever.
  func flood() {
    guard let exchange, !isOver else { return }
    isSending = true
    var pieces = 0
    while exchange.isWritable, pieces < 32 {
      exchange.send(ByteBuffer(repeating: 0x78, count: 16_384))
      pieces += 1
    }
    isSending = false
    router.note {
      $0.sentBytes += pieces * 16_384
      if pieces < 32 { $0.stalls += 1 }
    }
    if pieces == 32 { exchange.eventLoop.assumeIsolated().execute { self.flood() } }
  }

  func writabilityChanged(_ isWritable: Bool) {
    if isSending { router.note { $0.interruptions += 1 } }
    if isWritable { flood() }
  }
  func cancelled() {
    isOver = true
    router.note { $0.cancelled += 1 }
  }
}
