import CloudstateModel
import GRPCTransport
import Logging
import NIOCore

/// Commands at a steady rate, whatever the answers take, over all nodes of a cluster: what clients notice while shards
/// move. Loop-bound.
final class MoveLoad {
  struct Result: Sendable {
    var commands = 0
    var errors = 0
    var firstError: GRPCStatus?
    /// Of all commands, in nanoseconds.
    var latencies: [UInt64] = []
    /// The longest wait of each shard since the last reset, in nanoseconds.
    var longest: [UInt32: UInt64] = [:]
    /// Events stored in each shard since the beginning.
    var events: [UInt32: Int] = [:]
  }

  private let eventLoop: any EventLoop
  private let mix: CartMix
  private var connections: [GRPCClientConnection] = []
  private var timer: RepeatedTask?
  private var number = 0
  /// Commands that are due and not sent.
  private var due = 0.0
  private var result = Result()
  private var events: [UInt32: Int] = [:]

  /// - Parameter before: how many calls of the mix were made already.
  init(eventLoop: any EventLoop, mix: CartMix, before: Int) {
    self.eventLoop = eventLoop
    self.mix = mix
    number = before
    for call in 0..<before where mix.stores(call) { events[mix.shard(of: call), default: 0] += 1 }
  }

  /// Uses these nodes from now on.
  func use(_ addresses: [GRPCAddress]) {
    let old = connections
    connections = addresses.map {
      GRPCClientConnection(
        target: $0, eventLoop: eventLoop, configuration: GRPCClientConfiguration(),
        logger: Logger(label: "cs-bench") { _ in SwiftLogNoOpLogHandler() })
    }
    // What is under way there is still answered.
    eventLoop.scheduleTask(in: .seconds(5)) { old.forEach { $0.close() } }
  }

  func start(perSecond: Double) {
    let tick = TimeAmount.milliseconds(2)
    let own = NIOLoopBound(self, eventLoop: eventLoop)
    timer = eventLoop.scheduleRepeatedTask(initialDelay: tick, delay: tick) { _ in
      own.value.sendDue(perSecond * 0.002)
    }
  }

  private func sendDue(_ more: Double) {
    due += more
    while due >= 1 {
      due -= 1
      send()
    }
  }

  func stop() {
    timer?.cancel()
    connections.forEach { $0.close() }
  }

  /// What was seen since the last call.
  func take() -> Result {
    defer { result = Result() }
    result.events = events
    return result
  }

  private func send() {
    guard !connections.isEmpty else { return }
    let call = mix.call(number)
    let (shard, stores) = (mix.shard(of: number), mix.stores(number))
    number += 1
    let start = NIODeadline.now()
    _ = connections[number % connections.count].unary(
      path: call.path, metadata: GRPCMetadata(), message: call.message,
      deadline: start + .seconds(30), waitForReady: true
    ) { [self] answer in
      let took = UInt64((NIODeadline.now() - start).nanoseconds)
      result.commands += 1
      if case .failure(let status) = answer {
        result.errors += 1
        result.firstError = result.firstError ?? status
      } else if stores {
        events[shard, default: 0] += 1
      }
      result.latencies.append(took)
      result.longest[shard] = max(result.longest[shard] ?? 0, took)
    }
  }
}
