import CloudstateModel
import ClusterControl
import ShardReplication

/// What kind of faults a simulation has.
package enum Profile: String, Sendable, CaseIterable {
  /// None.
  case calm
  /// Processes crash, stand still and come back; disks are slow or fail.
  case crashes
  /// Links are cut, one way or both, slow or lossy.
  case partitions
  /// Shards move while nodes join, are drained and leave.
  case moves
  /// All of it.
  case everything
}

/// How one cluster is made up: drawn from the seed.
struct SimulationSettings {
  let seed: UInt64
  let profile: Profile
  let plant: Plant?
  let service: ServiceName
  let coordination: Coordination
  /// How long the lease of an elected coordinator is.
  let electionLease: UInt64
  var nodes: Int
  /// Nodes that join later.
  var spareNodes: Int
  var shardCount: UInt32
  var replicationFactor: UInt32
  var clients: Int
  var entities: Int
  var replication = ShardReplicationSettings()
  var coordinator: CoordinatorConfiguration
  var maximumDriftPPM: Int
  var keepsOrder: Bool
  var thinkTime: ClosedRange<UInt64>
  var clientTimeout: UInt64
  var ownerTimeout: UInt64 = 2 * Span.second
  var passivation: UInt64
  var slowCommandPPM: Int
  var functionCrashPPM: Int
  var functionFailurePPM: Int
  /// How long faults happen.
  var faultTime: UInt64
  /// How long the cluster may take to be whole again.
  var healTime: UInt64 = 60 * Span.second

  init?(
    seed: UInt64, profile: Profile, plant: Plant?, seconds: Int?, coordination: Coordination?
  ) {
    guard let service = ServiceName("sim") else { return nil }
    self.seed = seed
    self.profile = profile
    self.plant = plant
    self.service = service
    var election = SplitMix64(seed: seed ^ 0xe1ec_7ed0)
    let isElected = election.chance(ppm: 500_000)
    self.coordination = coordination ?? (isElected ? .elected : .single)
    electionLease = UInt64(election.pick([1000, 1500, 2000]) ?? 1500) * Span.millisecond
    var random = SplitMix64(seed: seed ^ 0x5e77_1265)
    nodes = random.int(3...5)
    spareNodes = profile == .moves || profile == .everything ? random.int(0...2) : 0
    shardCount = UInt32(random.int(1...4))
    replicationFactor = UInt32(random.pick([2, 3, 3]) ?? 3)
    clients = random.int(3...8)
    entities = random.int(2...8)
    maximumDriftPPM = random.pick([0, 1_000, 10_000]) ?? 0
    keepsOrder = !random.chance(ppm: 300_000)
    thinkTime = Span.millisecond...(random.pick([40, 150, 500]) ?? 150) * Span.millisecond
    clientTimeout = (random.pick([1, 3, 6]) ?? 3) * Span.second
    passivation = (random.pick([1, 5, 30]) ?? 5) * Span.second
    let isCalm = profile == .calm
    slowCommandPPM = isCalm ? 0 : random.pick([0, 2_000, 20_000]) ?? 0
    functionCrashPPM = isCalm ? 0 : random.pick([0, 500, 5_000]) ?? 0
    functionFailurePPM = isCalm ? 0 : random.pick([0, 5_000]) ?? 0
    faultTime = UInt64(seconds ?? random.int(8...20)) * Span.second
    // Shorter than the defaults, so that much happens in little time, in the same proportions.
    replication.lease = .milliseconds(random.pick([250, 500, 1000]) ?? 500)
    replication.leaseMargin = replication.lease / 8
    replication.appendTimeout = replication.lease
    replication.laggingAfter = replication.lease * 3 / 2
    replication.writeTimeout = .seconds(random.pick([3, 10]) ?? 10)
    replication.fenceTimeout = .seconds(random.pick([1, 2]) ?? 2)
    replication.fencedTimeout = .seconds(random.pick([2, 5]) ?? 5)
    replication.recentBytes = random.pick([512, 4096, 256 << 10]) ?? 4096
    replication.pageBytes = random.pick([256, 4096, 512 << 10]) ?? 4096
    replication.maximumInFlight = random.pick([1, 2, 8]) ?? 8
    replication.caughtUpLag = UInt64(random.pick([1, 16, 256]) ?? 16)
    coordinator = CoordinatorConfiguration(
      heartbeatInterval: .milliseconds(125),
      livenessTimeout: .milliseconds(random.pick([750, 1500]) ?? 1500),
      expectedNodes: [service: nodes])
    coordinator.rebalancing.delay = .seconds(1)
    coordinator.rebalancing.lostAfter = .seconds(random.pick([4, 20]) ?? 4)
    coordinator.rebalancing.fenceTimeout = .seconds(4)
    coordinator.rebalancing.initialFencePause = .milliseconds(300)
    coordinator.rebalancing.maximumFencePause = .seconds(2)
    coordinator.rebalancing.progressTimeout = .seconds(4)
  }
}
