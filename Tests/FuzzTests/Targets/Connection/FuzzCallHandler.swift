import GRPCTransport
import NIOCore

/// One gRPC call of a fuzzed connection.
final class FuzzCallHandler: GRPCServerCallHandler {
  private var call: (any GRPCServerCall)?
  private let conduct: FuzzService.Conduct
  private let service: FuzzService
  private var isOver = false
  private var hasEnded = false
  /// Whether this handler is in the middle of a call of its own, when nothing may be told.
  private var isActing = false
  private var sent = 0

  init(_ call: any GRPCServerCall, _ conduct: FuzzService.Conduct, _ service: FuzzService) {
    self.call = call
    self.conduct = conduct
    self.service = service
    service.open += 1
    service.handlers += 1
  }

  deinit { service.handlers -= 1 }

  func begin() {
    switch conduct {
    case .finishAtOnce: finish(GRPCStatus(.permissionDenied, "no ☃"))
    case .headersFirst:
      var metadata = GRPCMetadata()
      metadata.add("X-One", "two")
      metadata.add("x-bad", "a\r\nb: c")
      metadata.add("grpc-status", "0")
      act { $0.sendHeaders(metadata) }
    case .pause:
      act { $0.setReading(false) }
      service.later { [weak self] in self?.act { $0.setReading(true) } }
    default: break
    }
  }

  func receive(_ message: ByteBuffer) {
    check("receive")
    if hasEnded { service.note("a message behind the last") }
    switch conduct {
    case .echo, .headersFirst, .pause: send(message)
    case .echoLater:
      service.later { [weak self] in self?.send(message) }
      if message.readableBytes % 3 == 0 {
        act { $0.setReading(false) }
        service.later { [weak self] in self?.act { $0.setReading(true) } }
      }
    case .stream: goOn()
    case .large: send(ByteBuffer(repeating: 0x61, count: 70_000))
    case .finishAtFirst: finish(.ok)
    case .failLater:
      service.later { [weak self] in self?.finish(GRPCStatus(.internalError, "later")) }
    case .finishTwice:
      finish(.ok)
      act { $0.finish(.ok, trailers: GRPCMetadata()) }
      act { $0.send(message) }
    case .finishAtOnce, .silence, .unknown: break
    }
  }

  func receiveEnd() {
    check("receiveEnd")
    if hasEnded { service.note("two ends of one call") }
    hasEnded = true
    switch conduct {
    case .stream: goOn()
    case .echoLater, .failLater: service.later { [weak self] in self?.finish(.ok) }
    case .silence: break
    default: finish(.ok)
    }
  }

  func writabilityChanged(_ isWritable: Bool) {
    check("writabilityChanged")
    if conduct == .stream, isWritable { goOn() }
  }

  func cancelled(_ status: GRPCStatus) {
    check("cancelled")
    end()
  }

  private func check(_ what: String) {
    if isOver { service.note("\(what) behind the end of a call") }
    if isActing { service.note("\(what) inside of a call's own action") }
  }

  private func goOn() {
    while let call, call.isWritable, sent < FuzzService.streamLength {
      send(ByteBuffer(repeating: UInt8(sent), count: sent * 400))
    }
    if sent == FuzzService.streamLength, hasEnded { finish(.ok) }
  }

  private func send(_ message: ByteBuffer) {
    sent += 1
    act { $0.send(message) }
  }

  private func finish(_ status: GRPCStatus) {
    guard !isOver else { return }
    var trailers = GRPCMetadata()
    if conduct == .headersFirst { trailers.add("x-trailer", "1") }
    act { $0.finish(status, trailers: trailers) }
    end()
  }

  private func act(_ action: (any GRPCServerCall) -> Void) {
    guard let call else { return }
    isActing = true
    action(call)
    isActing = false
  }

  private func end() {
    guard !isOver else { return }
    isOver = true
    service.open -= 1
    // Twice is a case of its own: what comes behind the end is ignored.
    if conduct != .finishTwice { call = nil }
  }
}
