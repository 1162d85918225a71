package import CloudstateModel

/// Settings of the entities of one node.
package struct EntityRuntimeConfiguration: Sendable {
  /// Bounds of each entity.
  package var limits = EntityMachine.Limits()
  /// Idle time after which an entity without a timeout of its own is passivated. Default 30 s, as the
  /// reference. Longer keeps more streams open, shorter replays more often.
  package var passivationTimeout: Duration = .seconds(30)
  /// Idle times that entities asked for at discovery, by service name.
  package var passivationTimeouts: [String: Duration] = [:]
  /// Services whose entities are value entities; all others are event sourced.
  package var valueEntities: Set<String> = []
  /// How long the function may take for one command. Default 1 min, as the reference's `relay-timeout`.
  package var commandTimeout: Duration = .seconds(60)
  /// How long the function may take to close its side of a half-closed stream. Default 10 s.
  package var closeTimeout: Duration = .seconds(10)
  /// Entity streams the function can serve at once over all event loops; `nil` for no limit.
  package var maximumStreams: Int?
  /// Entities that may wait for a stream on one event loop; the next one's commands are refused.
  package var waitingEntities = 10_000
  /// Answers of a shard that may wait for its lease; more commands are refused meanwhile.
  package var heldAnswers = 10_000
  /// Bytes of events read and sent per step of a replay. Default 256 KiB.
  package var replayPageBytes = 256 * 1024
  /// Whether recovery may start from a snapshot; `false` replays every event. Default on.
  package var usesSnapshots = true
  /// Whether clients' headers reach the function as `Command.metadata`. Default off, as the reference.
  package var passesMetadata = false

  /// What is told of commands at the function and batches at the store.
  package var meters = WorkMeters()
  /// Told of a record of a shard that cannot be read; any thread, must not block.
  package var foundDamage: (@Sendable (ShardID, String) -> Void)?

  package init() {}

  /// The number of event loops that entities live on, of so many: a function that serves fewer streams than there
  /// are loops is served by as many loops as streams, so that the shares add up to no more than its limit.
  package func usedLoops(of loops: Int) -> Int { min(loops, max(1, maximumStreams ?? loops)) }

  func kind(of serviceName: String) -> StatefulKind {
    valueEntities.contains(serviceName) ? .value : .eventSourced
  }

  func passivationTimeout(of serviceName: String) -> Duration {
    passivationTimeouts[serviceName] ?? passivationTimeout
  }
}

extension Duration {
  /// Whole nanoseconds, clamped to what 64 bits hold.
  var inNanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0 else { return 0 }
    let (product, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? .max : product &+ UInt64(attoseconds / 1_000_000_000)
  }
}
