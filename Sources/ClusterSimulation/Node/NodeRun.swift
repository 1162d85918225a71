import CloudstateModel
import ClusterControl
import ShardReplication
import ShardStore

/// One life of a node's process: everything that a crash forgets.
final class NodeRun {
  unowned let node: SimNode
  let process: SimProcess
  unowned let cluster: SimCluster
  let store: SimStore
  let leases: LeaseBook
  private(set) lazy var shards = SimShards(self)
  private(set) lazy var copies = SimCopies(self)
  private(set) lazy var host = SimHost(self)
  private(set) lazy var router = SimRouter(self)
  private(set) lazy var membership = SimMembership(self)

  init(_ node: SimNode) throws(StoreError) {
    self.node = node
    process = node.process
    cluster = node.cluster
    store = try SimStore(node)
    leases = LeaseBook(settings: node.cluster.settings.replication, now: node.process.now)
  }

  var nodeID: NodeID { node.id }

  func has(_ plant: Plant) -> Bool { node.has(plant) }

  func begin() {
    store.onCommitted = { [unowned self] in shards.committed($1, of: $0) }
    store.onOpened = { [unowned self] in shards.opened($0, epoch: $1, $2, promisedUntil: $3) }
    store.onStopped = { [unowned self] in shards.foundDamage($0, $1) }
    store.onOutcomes = { [unowned self] in host.completed($0) }
    host.begin()
    membership.begin()
  }
}
