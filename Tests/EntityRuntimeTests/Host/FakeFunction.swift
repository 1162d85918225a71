import CloudstateModel
import CloudstateProtocol
import EntityRuntime
import FoundationEssentials
import GRPCTransport
import NIOCore
import SwiftProtobuf

/// A user function in memory: each entity counts its commands, and a command named `fail` or `die` does so.
/// Loop-bound.
final class FakeFunction: FunctionLink {
  let eventLoop: any EventLoop
  /// Streams open now, and the most that ever were.
  private(set) var open = 0
  private(set) var mostOpen = 0
  private(set) var opened = 0
  fileprivate(set) var snapshotsReceived = 0
  private(set) var reports: [String] = []
  /// When set, commands get no reply.
  var isSilent = false
  /// When set, replies wait for ``release()``.
  var isHolding = false
  fileprivate(set) var held: [() -> Void] = []
  /// Replies that have reached the entities.
  fileprivate(set) var replies = 0
  /// Commands that got none.
  fileprivate(set) var unanswered = 0
  private var streams: [FakeStream] = []

  init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  func openStream(
    path: String, deadline: NIODeadline?, handler: any GRPCClientStreamHandler
  ) -> any GRPCClientStream {
    open += 1
    opened += 1
    mostOpen = max(mostOpen, open)
    let stream = FakeStream(function: self, handler: handler)
    streams.append(stream)
    return stream
  }

  func report(_ text: String) { reports.append(text) }
  func streamEnd(_ status: GRPCStatus) -> StreamEnd { .ended }

  /// The process of the function is killed.
  func crash() {
    for stream in streams { stream.end(GRPCStatus(.unavailable, "connection lost")) }
  }

  func release() {
    isHolding = false
    let replies = held
    held = []
    replies.forEach { $0() }
  }

  fileprivate func closed(_ stream: FakeStream) {
    open -= 1
    streams.removeAll { $0 === stream }
  }
}

/// One entity's stream.
final class FakeStream: GRPCClientStream {
  private unowned let function: FakeFunction
  private let handler: any GRPCClientStreamHandler
  private var count: Int64 = 0
  private var isOver = false

  init(function: FakeFunction, handler: any GRPCClientStreamHandler) {
    self.function = function
    self.handler = handler
  }

  var isWritable: Bool { true }
  var isWaiting: Bool { false }
  func setReading(_ reading: Bool) {}

  func send(_ message: ByteBuffer) {
    guard let incoming = try? Cloudstate_Eventsourced_EventSourcedStreamIn(decoding: message)
    else { return }
    switch incoming.message {
    case .init_p(let initial):
      if initial.hasSnapshot { function.snapshotsReceived += 1 }
      count = initial.snapshot.snapshotSequence
    case .event(let event): count = event.sequence
    case .command(let command): answer(command)
    case nil: break
    }
  }

  func sendEnd() { later { $0.end(.ok) } }
  func cancel() { later { $0.end(GRPCStatus(.cancelled)) } }

  func end(_ status: GRPCStatus) {
    guard !isOver else { return }
    isOver = true
    function.closed(self)
    handler.ended(status, trailers: GRPCMetadata())
  }

  private func answer(_ command: Cloudstate_Command) {
    guard !function.isSilent else {
      function.unanswered += 1
      return
    }
    if command.name == "die" {
      later { $0.end(GRPCStatus(.unknown, "exception")) }
      return
    }
    var reply = Cloudstate_Eventsourced_EventSourcedReply()
    reply.commandID = command.id
    if command.name == "fail" {
      reply.clientAction.failure.description_p = "refused"
    } else {
      if command.name == "add" {
        count += 1
        var event = Google_Protobuf_Any()
        event.typeURL = "type.googleapis.com/Added"
        event.value = Data("\(count)".utf8)
        reply.events = [event]
        if count % 5 == 0 { reply.snapshot = event }
      }
      reply.clientAction.reply.payload.typeURL = "type.googleapis.com/Count"
      reply.clientAction.reply.payload.value = Data("\(count)".utf8)
    }
    var out = Cloudstate_Eventsourced_EventSourcedStreamOut()
    out.reply = reply
    let encoded = out.encoded
    if function.isHolding {
      function.held.append { self.deliver(encoded) }
    } else {
      deliver(encoded)
    }
  }

  private func deliver(_ message: ByteBuffer) {
    later { stream in
      guard !stream.isOver else { return }
      stream.function.replies += 1
      stream.handler.receive(message)
    }
  }

  /// Like a network, the function never calls back from within a call.
  private func later(_ body: @escaping (FakeStream) -> Void) {
    function.eventLoop.assumeIsolated().execute { body(self) }
  }
}
