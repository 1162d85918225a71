import GRPCTransport
import NIOCore
import Synchronization

/// What happened to the calls of a ``TestService``, for tests to look at from their own tasks.
final class ServiceLog: Sendable {
  struct Entries {
    var cancelled: [GRPCStatus] = []
    var opened = 0
    var receivedBytes = 0
    var sentBytes = 0
    var writability: [Bool] = []
    var requestMetadata: GRPCMetadata?
    var deadlines: [NIODeadline?] = []
    var calls: [NIOLoopBound<any GRPCServerCall>] = []
  }

  private let entries = Mutex(Entries())

  var now: Entries { entries.withLock { $0 } }

  func note(_ change: (inout Entries) -> Void) { entries.withLock { change(&$0) } }
}

/// A service with one method for each thing the tests need: `Unary` and `Bidi` echo; `ServerStream`
/// answers "n size" with n messages; `ClientStream` counts; `Fail` ends with a status and trailers;
/// `Metadata` echoes headers; `Never` does nothing; `Flood` writes 16 KiB messages as long as it is
/// writable; `Paused` reads nothing until the test lets it; `Chatty` floods and also sends a long
/// message from within each change of writability; `Early` answers before the request has ended.
struct TestService: GRPCServerRouter {
  let log = ServiceLog()

  func handler(for call: any GRPCServerCall) -> (any GRPCServerCallHandler)? {
    log.note {
      $0.opened += 1
      $0.requestMetadata = call.metadata
      $0.deadlines.append(call.deadline)
      $0.calls.append(NIOLoopBound(call, eventLoop: call.eventLoop))
    }
    guard call.path.hasPrefix("/test.Test/") else { return nil }
    switch call.path.dropFirst("/test.Test/".count) {
    case "Unary", "Bidi", "ServerStream", "ClientStream", "Fail", "Metadata", "Never", "Early",
      "Flood", "Chatty":
      return TestHandler(call, log: log)
    case "Paused":
      call.setReading(false)
      return TestHandler(call, log: log)
    case "RefusedByRouter":
      call.finish(GRPCStatus(.permissionDenied, "not you"))
      return TestHandler(call, log: log)
    default:
      return nil
    }
  }
}

private final class TestHandler: GRPCServerCallHandler {
  private let call: any GRPCServerCall
  private let log: ServiceLog
  private let method: Substring
  private var messages = 0
  private var last = ByteBuffer()
  private let chunk = ByteBuffer(repeating: 0x61, count: 16 * 1024)

  init(_ call: any GRPCServerCall, log: ServiceLog) {
    self.call = call
    self.log = log
    method = call.path.dropFirst("/test.Test/".count)
    if method == "Flood" || method == "Chatty" { flood() }
  }

  func receive(_ message: ByteBuffer) {
    messages += 1
    last = message
    log.note { $0.receivedBytes += message.readableBytes }
    switch method {
    case "Bidi": call.send(message)
    case "Early": call.finish(GRPCStatus(.ok))
    default: break
    }
  }

  func receiveEnd() {
    switch method {
    case "Unary":
      call.send(last)
      call.finish(.ok)
    case "ServerStream":
      let numbers = String(buffer: last).split(separator: " ").compactMap { Int($0) }
      for index in 0..<numbers[0] {
        call.send(ByteBuffer(repeating: UInt8(truncatingIfNeeded: index), count: numbers[1]))
      }
      call.finish(.ok)
    case "ClientStream":
      call.send(ByteBuffer(string: "\(messages)"))
      call.finish(.ok)
    case "Fail":
      var trailers = GRPCMetadata()
      trailers.add("x-detail", "42")
      trailers.add("grpc-status-details-bin", "AAEC")
      call.finish(GRPCStatus(.failedPrecondition, "50% – nein\n"), trailers: trailers)
    case "Metadata":
      call.sendHeaders(call.metadata)
      call.send(last)
      call.finish(.ok, trailers: call.metadata)
    case "Never", "Flood", "Chatty":
      break
    default:
      call.finish(.ok)
    }
  }

  func writabilityChanged(_ isWritable: Bool) {
    log.note { $0.writability.append(isWritable) }
    if method == "Chatty" { call.send(ByteBuffer(repeating: 0x62, count: 20_000)) }
    if method == "Flood" || method == "Chatty", isWritable { flood() }
  }

  func cancelled(_ status: GRPCStatus) {
    log.note { $0.cancelled.append(status) }
  }

  private func flood() {
    while call.isWritable {
      call.send(chunk)
      log.note { $0.sentBytes += chunk.readableBytes }
    }
  }
}
