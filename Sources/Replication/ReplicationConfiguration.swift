package import CloudstateModel
package import NIOCore

/// Settings of the replication of one node.
package struct ReplicationConfiguration: Sendable {
  package var service: ServiceName
  /// How long the start of an entity waits for a majority of the nodes. Default 3 s, as the reference; only
  /// nodes that are taken for alive are asked.
  package var readTimeout = TimeAmount.seconds(3)
  /// How long a change waits for the nodes that have to confirm it. Default 5 s, as the reference.
  package var writeTimeout = TimeAmount.seconds(5)
  /// How long to wait before a node that did not answer is asked again. Default 250 ms.
  package var retryDelay = TimeAmount.milliseconds(250)
  /// How long a node that has just joined may not hear publications yet, because its subscription is on its way:
  /// it gets changes as requests, too. Default 5 s.
  package var linkTime = TimeAmount.seconds(5)
  /// How often a node tells the others what its copies come to. Default 1 s. Shorter heals lost messages sooner
  /// and costs a few hundred bytes each time.
  package var summaryInterval = TimeAmount.seconds(1)
  /// How often at most a node compares its copies with those of one that differs. Default 2 s.
  package var compareInterval = TimeAmount.seconds(2)
  /// How many copies are fetched at once while catching up. Default 16.
  package var concurrentReads = 16
  /// Changes that may wait for the disk per event loop; the next is refused. Default 8192.
  package var pendingWrites = 8192
  /// The size of a copy in stored form, in bytes, from which on its entity takes no more changes of this node but
  /// deletion. Default 15 MiB. A copy that is larger than one message of the bus stays where it is.
  package var maximumCopyBytes = 15 << 20
  /// Milliseconds since 1970, for registers.
  package var now: @Sendable () -> Int64

  package init(service: ServiceName, now: @escaping @Sendable () -> Int64) {
    self.service = service
    self.now = now
  }
}
