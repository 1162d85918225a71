// What a coordinator tells operators, as JSON over HTTP. Names of members are the names of the fields.

/// How a cluster is, in one word and with the reasons (`GET /status`).
package struct StatusDocument: Codable, Hashable, Sendable {
  package enum State: String, Codable, Sendable {
    /// Every shard is served, with as many copies as its service wants.
    case ok = "OK"
    /// Every shard has somebody to serve it, and yet something needs attention or time.
    case degraded = "DEGRADED"
    /// Commands of some shards, or of all, fail.
    case down = "DOWN"
  }

  package var state: State
  /// Why it is not OK; the gravest first.
  package var reasons: [String]
  /// The identity of the coordinator's store.
  package var coordinator: String
  package var version: UInt64
  package var plan: UInt64
  package var nodes: Int
  package var aliveNodes: Int
  package var shards: Int
  /// Shards on their way to another node.
  package var moves: Int

  package init(
    state: State, reasons: [String], coordinator: String, version: UInt64, plan: UInt64, nodes: Int,
    aliveNodes: Int, shards: Int, moves: Int
  ) {
    self.state = state
    self.reasons = reasons
    self.coordinator = coordinator
    self.version = version
    self.plan = plan
    self.nodes = nodes
    self.aliveNodes = aliveNodes
    self.shards = shards
    self.moves = moves
  }
}

/// All members (`GET /nodes`), by name.
package struct NodesDocument: Codable, Hashable, Sendable {
  package var nodes: [NodeDocument]

  package init(nodes: [NodeDocument]) { self.nodes = nodes }
}

package struct NodeDocument: Codable, Hashable, Sendable {
  package var node: String
  package var service: String
  package var zone: String
  /// `alive`, `suspect` or `down`.
  package var liveness: String
  package var draining: Bool
  package var address: String
  /// Shards it is primary of, and copies it keeps of others'.
  package var primaries: Int
  package var replicas: Int
  /// The newest plan it follows.
  package var plan: UInt64
  /// Commands answered since its start, and lately per second.
  package var commands: UInt64
  package var commandsPerSecond: Double
  package var activeEntities: UInt32
  package var openCalls: UInt32
  /// How long it has not been heard.
  package var silentMilliseconds: Int64

  package init(
    node: String, service: String, zone: String, liveness: String, draining: Bool, address: String,
    primaries: Int, replicas: Int, plan: UInt64, commands: UInt64, commandsPerSecond: Double,
    activeEntities: UInt32, openCalls: UInt32, silentMilliseconds: Int64
  ) {
    self.node = node
    self.service = service
    self.zone = zone
    self.liveness = liveness
    self.draining = draining
    self.address = address
    self.primaries = primaries
    self.replicas = replicas
    self.plan = plan
    self.commands = commands
    self.commandsPerSecond = commandsPerSecond
    self.activeEntities = activeEntities
    self.openCalls = openCalls
    self.silentMilliseconds = silentMilliseconds
  }
}

/// All assigned shards (`GET /shards`), in order.
package struct ShardsDocument: Codable, Hashable, Sendable {
  package var shards: [ShardDocument]

  package init(shards: [ShardDocument]) { self.shards = shards }
}

package struct ShardDocument: Codable, Hashable, Sendable {
  package enum State: String, Codable, Sendable {
    case serving
    /// Its primary is there and has not said yet that it serves.
    case starting
    /// Served, with fewer in-sync copies than the service wants.
    case underReplicated = "under-replicated"
    case moving
    /// Its primary is lost and somebody is to take over, or nobody can.
    case unavailable
  }

  /// `SERVICE/INDEX`.
  package var shard: String
  package var primary: String
  package var replicas: [String]
  package var inSync: [String]
  package var epoch: UInt64
  /// As the primary last reported.
  package var position: UInt64
  package var bytes: UInt64
  package var commandsPerSecond: Double
  package var state: State
  /// Only while it moves.
  package var move: MoveDocument?

  package init(
    shard: String, primary: String, replicas: [String], inSync: [String], epoch: UInt64,
    position: UInt64, bytes: UInt64, commandsPerSecond: Double, state: State, move: MoveDocument?
  ) {
    self.shard = shard
    self.primary = primary
    self.replicas = replicas
    self.inSync = inSync
    self.epoch = epoch
    self.position = position
    self.bytes = bytes
    self.commandsPerSecond = commandsPerSecond
    self.state = state
    self.move = move
  }
}

package struct MoveDocument: Codable, Hashable, Sendable {
  package var shard: String
  package var source: String
  package var target: String
  package var bytes: UInt64
  /// A ``ShardMove/Phase``.
  package var phase: String

  package init(shard: String, source: String, target: String, bytes: UInt64, phase: String) {
    self.shard = shard
    self.source = source
    self.target = target
    self.bytes = bytes
    self.phase = phase
  }
}
