import CloudstateModel
import DequeModule

/// Commands for shards that a host is about to serve: they came between the plan that brings the shard here and the
/// moment it is open. Whoever sent them would otherwise have to try again and again, and be late by half a pause. A
/// pure value for one event loop; times are in nanoseconds of the monotonic clock.
struct EarlyCommands<Command> {
  /// Commands of all shards that are kept, and bytes of their payloads; what is beyond is refused.
  static var maximumCount: Int { 10_000 }
  static var maximumBytes: Int { 16 << 20 }
  /// A shard that is not served by then keeps nothing: who sent the commands holds them, follows the next plan with
  /// them, and can still tell that they were not started. Longer than a planned move, shorter than a failover.
  static var patience: UInt64 { 250_000_000 }
  /// What a refusal needs to reach who sent the command before its deadline.
  static var answerTime: UInt64 { 50_000_000 }

  private struct Line {
    var commands: Deque<Command> = []
    var bytes = 0
    let due: UInt64
  }

  private var lines: [ShardID: Line] = [:]
  private(set) var count = 0
  private(set) var bytes = 0

  /// The shard is being opened.
  ///
  /// - Returns: when to call ``overdue(_:now:)``.
  mutating func expect(_ shard: ShardID, now: UInt64) -> UInt64 {
    let due = now + Self.patience
    let known = lines[shard]
    lines[shard] = Line(commands: known?.commands ?? [], bytes: known?.bytes ?? 0, due: due)
    return due
  }

  /// Keeps a command if its shard is expected, there is room, and a refusal would come in time.
  mutating func keep(
    _ command: Command, bytes size: Int, deadline: UInt64?, for shard: ShardID
  ) -> Bool {
    // Not the line: a second reference would have each command copy those before it.
    guard let due = lines[shard]?.due, count < Self.maximumCount,
      bytes + size <= Self.maximumBytes, deadline.map({ $0 >= due + Self.answerTime }) ?? true
    else { return false }
    lines[shard]?.commands.append(command)
    lines[shard]?.bytes += size
    count += 1
    bytes += size
    return true
  }

  /// The shard is served now, or will not be.
  ///
  /// - Returns: what was kept for it, in the order in which it came.
  mutating func take(_ shard: ShardID) -> Deque<Command> {
    guard let line = lines.removeValue(forKey: shard) else { return [] }
    count -= line.commands.count
    bytes -= line.bytes
    return line.commands
  }

  /// What was kept for a shard that is expected for too long.
  mutating func overdue(_ shard: ShardID, now: UInt64) -> Deque<Command> {
    guard let line = lines[shard], now >= line.due else { return [] }
    return take(shard)
  }

  /// Nothing will be served any more.
  mutating func takeAll() -> [Command] { lines.keys.sorted().flatMap { take($0) } }
}
