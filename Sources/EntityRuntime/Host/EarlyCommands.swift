import CloudstateModel
import DequeModule

/// Commands for shards that a host is about to serve: they came between the plan that brings the shard here and the
/// moment it is open. Whoever sent them would otherwise have to try again and again, and be late by half a pause. A
/// pure value; times are in nanoseconds of the monotonic clock.
struct EarlyCommands<Command> {
  /// Commands of all shards that are kept; more are refused.
  static var maximumCount: Int { 10_000 }
  /// A shard that is not served by then keeps nothing: whoever sent the commands learns that it takes long, and may
  /// know better where to go. Longer than the usual lease, for which a failover waits.
  static var patience: UInt64 { 2_000_000_000 }

  private struct Line {
    var commands: Deque<Command> = []
    let expected: UInt64
  }

  private var lines: [ShardID: Line] = [:]
  private(set) var count = 0

  /// The shard is being opened.
  ///
  /// - Returns: when to call ``overdue(_:now:)``.
  mutating func expect(_ shard: ShardID, now: UInt64) -> UInt64 {
    let commands = lines[shard]?.commands ?? []
    lines[shard] = Line(commands: commands, expected: now)
    return now + Self.patience
  }

  /// Keeps a command if its shard is expected and there is room.
  mutating func keep(_ command: Command, for shard: ShardID) -> Bool {
    guard lines[shard] != nil, count < Self.maximumCount else { return false }
    lines[shard]?.commands.append(command)
    count += 1
    return true
  }

  /// The shard is served now, or will not be.
  ///
  /// - Returns: what was kept for it, in the order in which it came.
  mutating func take(_ shard: ShardID) -> Deque<Command> {
    let commands = lines.removeValue(forKey: shard)?.commands ?? []
    count -= commands.count
    return commands
  }

  /// What was kept for a shard that is expected for too long.
  mutating func overdue(_ shard: ShardID, now: UInt64) -> Deque<Command> {
    guard let line = lines[shard], now >= line.expected + Self.patience else { return [] }
    return take(shard)
  }

  /// Nothing will be served any more.
  mutating func takeAll() -> [Command] {
    let commands = lines.values.flatMap(\.commands)
    lines = [:]
    count = 0
    return commands
  }
}
