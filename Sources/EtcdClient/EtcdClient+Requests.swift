import CloudstateProtocol
package import NIOCore

// What this project asks of etcd.

extension EtcdClient {
  /// Reads a key, or with `end` all keys from it to before `end`, as the majority of the members have them.
  ///
  /// - Parameters:
  ///   - revision: reads the store as it was then; 0 for now.
  ///   - limit: the most keys to answer; 0 for all.
  ///   - timeout: for all attempts together.
  package func read(
    key: [UInt8], end: [UInt8] = [], revision: Int64 = 0, limit: Int = 0, descending: Bool = false,
    timeout: Duration
  ) -> EventLoopFuture<EtcdReadResult> {
    var request = Etcdserverpb_RangeRequest(key: key, end: end)
    request.revision = revision
    request.limit = Int64(limit)
    request.sortOrder = descending ? .descend : .none
    return call("KV/Range", request, timeout: timeout).map {
      (response: Etcdserverpb_RangeResponse) in
      EtcdReadResult(
        values: response.kvs.map(EtcdKeyValue.init), revision: response.header.revision)
    }
  }

  /// Checks all conditions and then carries out one of the lists, as one step.
  package func transact(
    if conditions: [EtcdCondition], then success: [EtcdOperation], else failure: [EtcdOperation],
    timeout: Duration
  ) -> EventLoopFuture<EtcdTransactionResult> {
    var request = Etcdserverpb_TxnRequest()
    request.compare = conditions.map(\.message)
    request.success = success.map(\.message)
    request.failure = failure.map(\.message)
    return call("KV/Txn", request, timeout: timeout).map {
      (response: Etcdserverpb_TxnResponse) in EtcdTransactionResult(response)
    }
  }

  /// Asks for a lease. One whose grant was not answered ends by itself.
  ///
  /// - Parameter timeToLive: rounded up to whole seconds; etcd may grant more.
  package func grantLease(timeToLive: Duration, timeout: Duration) -> EventLoopFuture<EtcdLease> {
    var request = Etcdserverpb_LeaseGrantRequest()
    let (seconds, rest) = timeToLive.components
    request.ttl = seconds + (rest > 0 ? 1 : 0)
    return call("Lease/LeaseGrant", request, timeout: timeout).map {
      (response: Etcdserverpb_LeaseGrantResponse) in
      EtcdLease(id: response.id, timeToLive: .seconds(response.ttl))
    }
  }

  /// Keeps a lease alive once.
  package func keepAlive(_ lease: Int64, timeout: Duration) -> EventLoopFuture<EtcdLease> {
    var request = Etcdserverpb_LeaseKeepAliveRequest()
    request.id = lease
    return call("Lease/LeaseKeepAlive", request, timeout: timeout).map {
      (response: Etcdserverpb_LeaseKeepAliveResponse) in
      EtcdLease(id: lease, timeToLive: .seconds(max(0, response.ttl)))
    }
  }

  /// Ends a lease and the keys that hang on it; fails with `.notFound` if it has ended already.
  package func revoke(_ lease: Int64, timeout: Duration) -> EventLoopFuture<Void> {
    var request = Etcdserverpb_LeaseRevokeRequest()
    request.id = lease
    return call("Lease/LeaseRevoke", request, timeout: timeout).map {
      (_: Etcdserverpb_LeaseRevokeResponse) in
    }
  }

  /// The version of the software of the member that is asked now.
  package func version(timeout: Duration) -> EventLoopFuture<String> {
    call("Maintenance/Status", Etcdserverpb_StatusRequest(), timeout: timeout).map {
      (response: Etcdserverpb_StatusResponse) in response.version
    }
  }
}
