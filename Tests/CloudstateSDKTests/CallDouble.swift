import GRPCTransport
import NIOCore
import SwiftProtobuf

@testable import CloudstateSDK

/// A call without transport, on an event loop of its own.
final class CallDouble: GRPCServerCall {
  enum Event: Equatable {
    case sent(Int)
    case reading(Bool)
    case finished(GRPCStatus.Code)
  }

  let eventLoop: any EventLoop
  let path = ""
  let metadata = GRPCMetadata()
  let deadline: NIODeadline? = nil
  var isWritable = true
  /// What was done to the call; of messages the number of bytes.
  private(set) var events: [Event] = []

  init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  func sendHeaders(_ metadata: GRPCMetadata) {}
  func send(_ message: ByteBuffer) { events.append(.sent(message.readableBytes)) }
  func finish(_ status: GRPCStatus, trailers: GRPCMetadata) {
    events.append(.finished(status.code))
  }
  func setReading(_ reading: Bool) { events.append(.reading(reading)) }
}

/// A ``CallDouble`` and the queues of its method, for a test that is not on the event loop.
struct QueuesUnderTest: Sendable {
  let eventLoop: any EventLoop
  let requests: RequestQueue
  let responses: ResponseQueue
  private let call: NIOLoopBound<CallDouble>

  init(on eventLoop: any EventLoop) async throws {
    self.eventLoop = eventLoop
    (requests, responses, call) = try await eventLoop.submit {
      let call = CallDouble(eventLoop: eventLoop)
      let reference = ActionCallReference(call)
      return (
        RequestQueue(call: reference), ResponseQueue(call: reference),
        NIOLoopBound(call, eventLoop: eventLoop)
      )
    }.get()
  }

  func events() async throws -> [CallDouble.Event] {
    try await eventLoop.submit { [call] in call.value.events }.get()
  }

  /// Gives tasks that were just started the time to wait for something.
  func settle() async throws {
    for _ in 1...20 { _ = try await events() }
  }

  /// Requests arrive.
  func receive(_ count: Int) async throws {
    try await eventLoop.submit { [requests] in
      for _ in 0..<count { requests.receive(ActionRequest(payload: .init(), metadata: [:])) }
    }.get()
  }

  /// The call takes more, or does not.
  func setWritable(_ isWritable: Bool) async throws {
    try await eventLoop.submit { [call, responses] in
      call.value.isWritable = isWritable
      responses.writabilityChanged(isWritable)
    }.get()
  }

  /// The call is over.
  func cancel() async throws {
    try await eventLoop.submit { [requests, responses] in
      requests.cancel()
      responses.cancel()
    }.get()
  }
}
