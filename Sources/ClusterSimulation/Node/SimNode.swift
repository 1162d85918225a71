import CloudstateModel
import ClusterControl
import ShardStore

/// A node: its name, its disk, and its process, which comes and goes.
final class SimNode {
  /// How the disk behaves.
  struct Disk {
    var sync: ClosedRange<UInt64> = 50 * Span.microsecond...2 * Span.millisecond
    var read: ClosedRange<UInt64> = 20 * Span.microsecond...500 * Span.microsecond
    /// Nothing gets on before.
    var stallUntil: UInt64 = 0
  }

  let id: NodeID
  let process: SimProcess
  unowned let cluster: SimCluster
  let disk = InMemoryDisk()
  var behaviour = Disk()
  /// The view that a restart finds.
  var savedView: ClusterView?
  private(set) var run: NodeRun?
  /// A write has failed, or will.
  var hasDiskFailed = false
  /// The node has left for good.
  var hasLeft = false

  init(_ id: NodeID, in cluster: SimCluster) {
    self.id = id
    self.cluster = cluster
    process = SimProcess(
      id.text, in: cluster.world, maximumDriftPPM: cluster.settings.maximumDriftPPM)
  }

  func has(_ plant: Plant) -> Bool { cluster.settings.plant == plant }

  // MARK: Life

  func start() {
    guard !process.isAlive, !hasLeft else { return }
    process.start()
    process.note("starts")
    // What a failed sync has written may be there, or not.
    if cluster.world.random.chance(ppm: 500_000) { disk.loseUnsynced() }
    do throws(StoreError) {
      let run = try NodeRun(self)
      self.run = run
      run.begin()
    } catch {
      // A store in memory fails to open only without threads, and this one wants none.
      cluster.world.monitor.add(Violation(.converges, "\(id) cannot open its store: \(error)"))
    }
  }

  /// What is not on the disk is lost.
  func crash() {
    guard process.isAlive else { return }
    process.note("crashes")
    end()
  }

  /// The process is gone.
  func end() {
    process.die()
    run?.membership.end()
    run = nil
  }

  // MARK: Disk

  func diskLatency() -> UInt64 {
    let span = cluster.world.random.span(behaviour.sync)
    let stall = behaviour.stallUntil
    return stall > cluster.world.now ? stall - cluster.world.now + span : span
  }

  func readLatency() -> UInt64 { cluster.world.random.span(behaviour.read) }
}
