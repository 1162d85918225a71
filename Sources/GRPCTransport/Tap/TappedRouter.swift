import NIOCore
import Synchronization

/// Hears what passes between a client and a server, before the other side does. Any thread may call.
package protocol CallTap: Sendable {
  func add(_ record: TapRecord)
}

/// Services as they are, with a tap that hears of all their calls.
package final class TappedRouter: GRPCServerRouter {
  private let router: any GRPCServerRouter
  private let tap: any CallTap
  private let calls = Atomic<UInt64>(0)

  package init(_ router: any GRPCServerRouter, tap: any CallTap) {
    self.router = router
    self.tap = tap
  }

  package func handler(for call: any GRPCServerCall) -> (any GRPCServerCallHandler)? {
    let number = calls.wrappingAdd(1, ordering: .relaxed).newValue
    tap.add(TapRecord(call: number, event: .opened(path: call.path)))
    let tapped = TappedCall(call, number, tap)
    guard tapped.open(router) else {
      tap.add(TapRecord(call: number, event: .finished(GRPCStatus(.unimplemented))))
      return nil
    }
    return tapped
  }
}

/// Stands between the transport and the handler of a call: for the handler it is the call, for the
/// transport the handler. Loop-bound.
private final class TappedCall: GRPCServerCall, GRPCServerCallHandler {
  private let call: any GRPCServerCall
  private let number: UInt64
  private let tap: any CallTap
  /// `nil` once the call is over; until then the two hold each other.
  private var handler: (any GRPCServerCallHandler)?
  private var isOver = false

  init(_ call: any GRPCServerCall, _ number: UInt64, _ tap: any CallTap) {
    self.call = call
    self.number = number
    self.tap = tap
  }

  /// Finds the handler.
  ///
  /// - Returns: `false` if the router knows none.
  func open(_ router: any GRPCServerRouter) -> Bool {
    let found = router.handler(for: self)
    // The router may have answered already.
    if !isOver { handler = found }
    return found != nil || isOver
  }

  private func saw(_ event: TapRecord.Event) { tap.add(TapRecord(call: number, event: event)) }

  // MARK: From the transport

  func receive(_ message: ByteBuffer) {
    saw(.request(message))
    handler?.receive(message)
  }

  func receiveEnd() {
    saw(.requestEnd)
    handler?.receiveEnd()
  }

  func writabilityChanged(_ isWritable: Bool) { handler?.writabilityChanged(isWritable) }

  func cancelled(_ status: GRPCStatus) {
    guard !isOver else { return }
    isOver = true
    saw(.cancelled(status))
    let handler = handler.take()
    handler?.cancelled(status)
  }

  // MARK: From the handler

  var eventLoop: any EventLoop { call.eventLoop }
  var path: String { call.path }
  var metadata: GRPCMetadata { call.metadata }
  var deadline: NIODeadline? { call.deadline }
  var isWritable: Bool { call.isWritable }

  func sendHeaders(_ metadata: GRPCMetadata) { call.sendHeaders(metadata) }

  func send(_ message: ByteBuffer) {
    if !isOver { saw(.response(message)) }
    call.send(message)
  }

  func finish(_ status: GRPCStatus, trailers: GRPCMetadata) {
    if !isOver {
      isOver = true
      saw(.finished(status))
      handler = nil
    }
    call.finish(status, trailers: trailers)
  }

  func setReading(_ reading: Bool) { call.setReading(reading) }
}
