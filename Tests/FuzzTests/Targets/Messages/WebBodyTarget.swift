import GRPCTransport
import NIOCore

extension FuzzTarget {
  /// The body of a gRPC-Web call, behind a byte that chooses its form and who serves it.
  static let webBodies = FuzzTarget("web-bodies") { input in
    var input = input
    let choice = input.byte()
    let isText = choice & 1 != 0
    var request = HTTPServerRequest(
      method: "POST", target: "/a.S/M", headers: GRPCMetadata(), body: ByteBuffer())
    request.headers.add("content-type", "application/grpc-web\(isText ? "-text" : "")+proto")
    if choice & 2 != 0 { request.headers.add("grpc-encoding", "gzip") }
    request.body = ByteBuffer(bytes: input.rest())
    let service = WebBodyService(pauses: choice & 4 != 0, maximumBytes: 1024)
    let exchange = FuzzExchange()
    let handler = GRPCWebRouter(
      calls: service, maximumMessageBytes: service.maximumBytes, next: service
    ).handle(request, on: exchange)
    service.goOn(exchange)
    try demand(exchange.isOver || handler != nil, "nobody hears of an open exchange")
    if !exchange.isOver { handler?.cancelled() }
    try demand(exchange.violation == nil, exchange.violation ?? "")
    try demand(service.violation == nil, service.violation ?? "")
  }
}

/// Takes calls and watches what it is told. On one loop only.
private final class WebBodyService: GRPCServerRouter, HTTPServerRouter, GRPCServerCallHandler,
  @unchecked Sendable
{
  let maximumBytes: Int
  private let pauses: Bool
  private var call: (any GRPCServerCall)?
  private var hasEnded = false
  private(set) var violation: String?

  init(pauses: Bool, maximumBytes: Int) {
    self.pauses = pauses
    self.maximumBytes = maximumBytes
  }

  func handler(for call: any GRPCServerCall) -> (any GRPCServerCallHandler)? {
    self.call = call
    if pauses { call.setReading(false) }
    return self
  }

  func handle(
    _ request: HTTPServerRequest, on exchange: any HTTPServerExchange
  ) -> (any HTTPServerExchangeHandler)? {
    violation = "it was taken for no gRPC-Web"
    return nil
  }

  func goOn(_ exchange: FuzzExchange) {
    guard pauses else { return }
    call?.setReading(true)
    exchange.runLoop()
  }

  func receive(_ message: ByteBuffer) {
    if hasEnded { violation = "a message behind the end" }
    if message.readableBytes > maximumBytes { violation = "a message that is too large" }
    call?.send(message)
  }

  func receiveEnd() {
    if hasEnded { violation = "a second end" }
    hasEnded = true
    call?.finish(.ok)
    call = nil
  }

  func writabilityChanged(_ isWritable: Bool) {}

  func cancelled(_ status: GRPCStatus) {
    if hasEnded { violation = "told of an end twice" }
    call = nil
  }
}
