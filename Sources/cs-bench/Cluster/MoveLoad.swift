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
  }

  private let eventLoop: any EventLoop
  private let shards: UInt32
  private let carts: Int
  private var connections: [GRPCClientConnection] = []
  private var timer: RepeatedTask?
  private var number = 0
  /// Commands that are due and not sent.
  private var due = 0.0
  private var result = Result()

  init(eventLoop: any EventLoop, shards: UInt32, carts: Int) {
    self.eventLoop = eventLoop
    self.shards = shards
    self.carts = carts
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
    return result
  }

  private func send() {
    guard !connections.isEmpty else { return }
    number += 1
    let cart = number % carts
    let shard = EntityKey(persistenceID: "shopping-cart", entityID: "user-\(cart)").shardIndex(
      shardCount: shards)
    let message = CartMessages.addItem(cart: cart, product: number / carts % 5)
    let start = NIODeadline.now()
    _ = connections[number % connections.count].unary(
      path: Workload.durableEvents.path, metadata: GRPCMetadata(), message: message,
      deadline: start + .seconds(30), waitForReady: true
    ) { [self] answer in
      let took = UInt64((NIODeadline.now() - start).nanoseconds)
      result.commands += 1
      if case .failure(let status) = answer {
        result.errors += 1
        result.firstError = result.firstError ?? status
      }
      result.latencies.append(took)
      result.longest[shard] = max(result.longest[shard] ?? 0, took)
    }
  }
}
