// Transactions of etcd: conditions on keys, and what to do if they hold and if not, as one step.

/// A key as it is in etcd.
package struct EtcdKeyValue: Hashable, Sendable {
  package var key: [UInt8]
  package var value: [UInt8]
  /// The revision of the transaction that made the key.
  package var createRevision: Int64
  /// The revision of the transaction that changed it last.
  package var modRevision: Int64
  /// The lease it ends with; 0 for none.
  package var lease: Int64

  package init(
    key: [UInt8], value: [UInt8], createRevision: Int64, modRevision: Int64, lease: Int64 = 0
  ) {
    self.key = key
    self.value = value
    self.createRevision = createRevision
    self.modRevision = modRevision
    self.lease = lease
  }
}

/// A condition on one key.
package enum EtcdCondition: Hashable, Sendable {
  /// The key was made by the transaction of this revision; 0: it is not there.
  case created(key: [UInt8], revision: Int64)
  /// The key was last changed by the transaction of this revision; 0: it is not there.
  case changed(key: [UInt8], revision: Int64)
}

/// One step of a transaction.
package enum EtcdOperation: Hashable, Sendable {
  /// Reads the key, or with `end` all keys from it to before `end`.
  case read(key: [UInt8], end: [UInt8] = [])
  /// - Parameter lease: the key ends with it; 0 for none.
  case put(key: [UInt8], value: [UInt8], lease: Int64 = 0)
  /// Deletes all keys from `key` to before `end`.
  case delete(key: [UInt8], end: [UInt8])
}

/// What came of a transaction.
package struct EtcdTransactionResult: Hashable, Sendable {
  /// Whether all conditions held.
  package var succeeded: Bool
  /// What each read found, in the order of the reads.
  package var reads: [[EtcdKeyValue]]
  /// The revision of the store after it.
  package var revision: Int64
}

/// What a read found.
package struct EtcdReadResult: Hashable, Sendable {
  /// In the order of their keys unless asked for otherwise.
  package var values: [EtcdKeyValue]
  /// The revision of the store that was read.
  package var revision: Int64
}

/// A lease as etcd granted it or keeps it.
package struct EtcdLease: Hashable, Sendable {
  package var id: Int64
  /// From when etcd carried the request out; zero when there is no such lease any more.
  package var timeToLive: Duration
}
