import CloudstateProtocol
import EntityRuntime
import FoundationEssentials
import GRPCTransport
import NIOCore
import SwiftProtobuf

/// A user function in memory whose replicated entities are counters: `add` adds one, `get` reads, `watch` follows,
/// and `hang` gets no answer. Loop-bound.
final class CounterFunction: FunctionLink {
  let eventLoop: any EventLoop
  fileprivate(set) var opened = 0
  fileprivate(set) var open = 0
  fileprivate(set) var cancellations = 0
  fileprivate(set) var deltas = 0
  /// Streams that were half-closed, and commands that hang.
  fileprivate(set) var halfClosed = 0
  fileprivate(set) var hanging = 0
  private(set) var reports: [String] = []
  /// Whether half-closed streams are closed.
  var closesStreams = true

  init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  func openStream(
    path: String, deadline: NIODeadline?, handler: any GRPCClientStreamHandler
  ) -> any GRPCClientStream {
    opened += 1
    open += 1
    return CounterStream(function: self, handler: handler)
  }

  func report(_ text: String) { reports.append(text) }
  func streamEnd(_ status: GRPCStatus) -> StreamEnd { .ended }
}

private final class CounterStream: GRPCClientStream {
  private let function: CounterFunction
  private let handler: any GRPCClientStreamHandler
  private var count: Int64 = 0
  private var followers: [Int64] = []
  private var isOver = false

  init(function: CounterFunction, handler: any GRPCClientStreamHandler) {
    self.function = function
    self.handler = handler
  }

  var isWritable: Bool { true }
  var isWaiting: Bool { false }
  func setReading(_ reading: Bool) {}

  func send(_ message: ByteBuffer) {
    guard let incoming = try? Cloudstate_Crdt_CrdtStreamIn(decoding: message) else { return }
    switch incoming.message {
    case .init_p(let start): count = start.delta.pncounter.change
    case .delta(let delta):
      function.deltas += 1
      count += delta.pncounter.change
      tellFollowers()
    case .delete: break
    case .command(let command): answer(command)
    case .streamCancelled(let cancelled):
      function.cancellations += 1
      followers.removeAll { $0 == cancelled.id }
      say { $0.streamCancelledResponse.commandID = cancelled.id }
    case nil: break
    }
  }

  func sendEnd() {
    function.halfClosed += 1
    if function.closesStreams { later { $0.end(.ok) } }
  }

  func cancel() { later { $0.end(GRPCStatus(.cancelled)) } }

  private func end(_ status: GRPCStatus) {
    guard !isOver else { return }
    isOver = true
    function.open -= 1
    handler.ended(status, trailers: GRPCMetadata())
  }

  private func answer(_ command: Cloudstate_Command) {
    guard command.name != "hang" else {
      function.hanging += 1
      return
    }
    if command.name == "add" { count += 1 }
    let count = count
    say { out in
      out.reply.commandID = command.id
      out.reply.clientAction.reply.payload.value = Data("\(count)".utf8)
      out.reply.streamed = command.name == "watch"
      if command.name == "add" { out.reply.stateAction.update.pncounter.change = 1 }
      if command.name == "delete" { out.reply.stateAction.delete = .init() }
    }
    if command.name == "watch" { followers.append(command.id) } else { tellFollowers() }
  }

  private func tellFollowers() {
    for follower in followers {
      say {
        $0.streamedMessage.commandID = follower
        $0.streamedMessage.clientAction.reply.payload.value = Data("\(self.count)".utf8)
      }
    }
  }

  private func say(_ fill: (inout Cloudstate_Crdt_CrdtStreamOut) -> Void) {
    var out = Cloudstate_Crdt_CrdtStreamOut()
    fill(&out)
    let encoded = out.encoded
    later { if !$0.isOver { $0.handler.receive(encoded) } }
  }

  /// Like a network, the function never calls back from within a call.
  private func later(_ body: @escaping (CounterStream) -> Void) {
    function.eventLoop.assumeIsolated().execute { body(self) }
  }
}
