import FoundationEssentials

// The wire forms of transactions.

extension EtcdKeyValue {
  init(_ message: Mvccpb_KeyValue) {
    self.init(
      key: Array(message.key), value: Array(message.value), createRevision: message.createRevision,
      modRevision: message.modRevision, lease: message.lease)
  }
}

extension EtcdCondition {
  var message: Etcdserverpb_Compare {
    var message = Etcdserverpb_Compare()
    message.result = .equal
    switch self {
    case .created(let key, let revision):
      message.key = Data(key)
      message.target = .create
      message.createRevision = revision
    case .changed(let key, let revision):
      message.key = Data(key)
      message.target = .mod
      message.modRevision = revision
    }
    return message
  }
}

extension EtcdOperation {
  var message: Etcdserverpb_RequestOp {
    var message = Etcdserverpb_RequestOp()
    switch self {
    case .read(let key, let end):
      message.requestRange = Etcdserverpb_RangeRequest(key: key, end: end)
    case .put(let key, let value, let lease):
      message.requestPut.key = Data(key)
      message.requestPut.value = Data(value)
      message.requestPut.lease = lease
    case .delete(let key, let end):
      message.requestDeleteRange.key = Data(key)
      message.requestDeleteRange.rangeEnd = Data(end)
    }
    return message
  }
}

extension Etcdserverpb_RangeRequest {
  init(key: [UInt8], end: [UInt8]) {
    self.init()
    self.key = Data(key)
    rangeEnd = Data(end)
  }
}

extension EtcdTransactionResult {
  init(_ message: Etcdserverpb_TxnResponse) {
    self.init(
      succeeded: message.succeeded,
      reads: message.responses.compactMap { response in
        guard case .responseRange(let range) = response.response else { return nil }
        return range.kvs.map(EtcdKeyValue.init)
      }, revision: message.header.revision)
  }
}
