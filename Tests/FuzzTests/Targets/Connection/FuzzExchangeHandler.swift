import GRPCTransport
import NIOCore

/// One plain HTTP request of a fuzzed connection.
final class FuzzExchangeHandler: HTTPServerExchangeHandler {
  private let request: HTTPServerRequest
  private var exchange: (any HTTPServerExchange)?
  private let conduct: FuzzService.Conduct
  private let service: FuzzService
  private(set) var isOver = false
  private var hasBegun = false
  private var isActing = false
  private var sent = 0

  init(
    _ request: HTTPServerRequest, _ exchange: any HTTPServerExchange,
    _ conduct: FuzzService.Conduct, _ service: FuzzService
  ) {
    self.request = request
    self.exchange = exchange
    self.conduct = conduct
    self.service = service
    service.open += 1
    service.handlers += 1
  }

  deinit { service.handlers -= 1 }

  func begin() {
    switch conduct {
    case .echo, .unknown, .finishAtFirst: respond(request.body)
    case .echoLater, .pause:
      service.later { [weak self] in self.map { $0.respond($0.request.body) } }
    case .stream, .headersFirst: goOn()
    case .finishAtOnce:
      act { $0.abort() }
      end()
    case .large: respond(ByteBuffer(repeating: 0x61, count: 300_000))
    case .failLater:
      hasBegun = true
      act { $0.begin(HTTPResponseStart(status: 200, contentType: "text/plain")) }
      service.later { [weak self] in
        guard let self else { return }
        act { $0.abort() }
        end()
      }
    case .finishTwice:
      respond(ByteBuffer(string: "one"))
      respond(ByteBuffer(string: "two"))
    case .silence: break
    }
  }

  func writabilityChanged(_ isWritable: Bool) {
    check("writabilityChanged")
    if hasBegun, isWritable, conduct == .stream || conduct == .headersFirst { goOn() }
  }

  func cancelled() {
    check("cancelled")
    end()
  }

  private func check(_ what: String) {
    if isOver { service.note("\(what) behind the end of an exchange") }
    if isActing { service.note("\(what) inside of an exchange's own action") }
  }

  private func goOn() {
    if !hasBegun {
      hasBegun = true
      act { $0.begin(HTTPResponseStart(status: 200, contentType: nil)) }
    }
    while let exchange, exchange.isWritable, sent < FuzzService.streamLength {
      sent += 1
      act { $0.send(ByteBuffer(repeating: 0x62, count: sent * 400)) }
    }
    guard sent == FuzzService.streamLength, !isOver else { return }
    act { $0.end() }
    end()
  }

  private func respond(_ body: ByteBuffer) {
    var start = HTTPResponseStart(status: 200, contentType: "text/plain")
    start.headers.add("X-Echo", request.headers["x-color"] ?? "none")
    start.headers.add("x-bad", "a\r\nb: c")
    act { $0.respond(start, body: body) }
    end()
  }

  private func act(_ action: (any HTTPServerExchange) -> Void) {
    guard let exchange else { return }
    isActing = true
    action(exchange)
    isActing = false
  }

  private func end() {
    guard !isOver else { return }
    isOver = true
    service.open -= 1
    if conduct != .finishTwice { exchange = nil }
  }
}
