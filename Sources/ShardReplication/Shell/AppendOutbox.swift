import CloudstateModel
import CloudstateProtocol
import MessageBus
import NIOCore
import ShardStore
import SwiftProtobuf

/// Gathers what the shards of one event loop have for each node into as few requests as possible. Only its loop
/// may touch it.
final class AppendOutbox {
  typealias Completion = (ShardID, NodeID, CopyAnswer) -> Void

  /// One request carries about so many bytes; a single append may be larger.
  private static let maximumRequestBytes = 1 << 20
  private static let maximumAppends = 256

  private struct Entry {
    let shard: ShardID
    let tag: CopySend.Tag
    let message: WireAppend
  }

  private let bus: any MessageBus
  private let eventLoop: any EventLoop
  private let timeout: TimeAmount
  private let lease: Duration
  private let completion: Completion
  private var waiting: [NodeID: [Entry]] = [:]
  private var isScheduled = false

  init(
    bus: any MessageBus, eventLoop: any EventLoop, settings: ShardReplicationSettings,
    completion: @escaping Completion
  ) {
    self.bus = bus
    self.eventLoop = eventLoop
    timeout = .nanoseconds(Int64(clamping: settings.appendTimeout.asNanoseconds))
    lease = settings.lease
    self.completion = completion
  }

  /// Sends the append with the others of this turn of the loop.
  func add(
    _ send: CopySend, of shard: ShardID, consumers: [ConsumerID: ConsumerPosition]
  ) {
    var message = ShardCodec.message(send, of: shard, consumers: consumers)
    message.leaseMilliseconds = UInt32(clamping: (lease.asNanoseconds + 999_999) / 1_000_000)
    waiting[send.node, default: []].append(Entry(shard: shard, tag: send.tag, message: message))
    guard !isScheduled else { return }
    isScheduled = true
    let own = NIOLoopBound(self, eventLoop: eventLoop)
    eventLoop.execute { own.value.flush() }
  }

  private func flush() {
    isScheduled = false
    let all = waiting
    waiting = [:]
    for node in all.keys.sorted() {
      var batch: [Entry] = []
      var bytes = 0
      for entry in all[node] ?? [] {
        if !batch.isEmpty,
          bytes + entry.tag.bytes > Self.maximumRequestBytes || batch.count >= Self.maximumAppends
        {
          send(batch, to: node)
          batch = []
          bytes = 0
        }
        batch.append(entry)
        bytes += entry.tag.bytes
      }
      if !batch.isEmpty { send(batch, to: node) }
    }
  }

  private func send(_ entries: [Entry], to node: NodeID) {
    var request = WireAppendRequest()
    request.appends = entries.map(\.message)
    let tags = entries.map { ($0.shard, $0.tag) }
    let own = NIOLoopBound(self, eventLoop: eventLoop)
    bus.request(
      .shardAppend, payload: request.encoded, to: node, timeout: timeout, on: eventLoop
    ) { result in own.value.answered(result, tags, by: node) }
  }

  private func answered(
    _ result: Result<ByteBuffer, BusError>, _ tags: [(ShardID, CopySend.Tag)], by node: NodeID
  ) {
    let outcomes = Self.outcomes(result, count: tags.count)
    for ((shard, tag), outcome) in zip(tags, outcomes) {
      completion(shard, node, CopyAnswer(tag: tag, outcome: outcome))
    }
  }

  private static func outcomes(
    _ result: Result<ByteBuffer, BusError>, count: Int
  ) -> [CopyAnswer.Outcome] {
    func failed(_ text: String) -> [CopyAnswer.Outcome] {
      Array(repeating: .failed(text), count: count)
    }
    switch result {
    case .failure(let error): return failed(error.message)
    case .success(let payload):
      guard let answer = try? WireAppendAnswer(decoding: payload), answer.answers.count == count
      else { return failed("the copy answers in a form unknown to this node") }
      return answer.answers.map(ShardCodec.outcome)
    }
  }
}
