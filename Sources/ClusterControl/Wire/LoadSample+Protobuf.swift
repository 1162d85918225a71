import CloudstateModel
import CloudstateProtocol

extension NodeSample {
  /// - Parameters:
  ///   - node: who sends it, and so whose it is.
  ///   - incarnation: likewise.
  init(_ message: Cloudstate_Internal_Cluster_LoadSample, node: NodeID, incarnation: UInt64) {
    self.init(
      node: node, incarnation: incarnation, intervalNanoseconds: message.intervalNanoseconds,
      requests: WorkMeasure(message.requests), functions: WorkMeasure(message.functions),
      store: WorkMeasure(message.store))
  }

  /// The wire form.
  var message: Cloudstate_Internal_Cluster_LoadSample {
    var message = Cloudstate_Internal_Cluster_LoadSample()
    message.intervalNanoseconds = intervalNanoseconds
    message.requests = requests.message
    message.functions = functions.message
    message.store = store.message
    return message
  }
}

extension WorkMeasure {
  fileprivate init(_ message: Cloudstate_Internal_Cluster_WorkMeasure) {
    self.init(
      concurrency: message.concurrency, timeNanoseconds: message.timeNanoseconds,
      count: message.count)
  }

  fileprivate var message: Cloudstate_Internal_Cluster_WorkMeasure {
    var message = Cloudstate_Internal_Cluster_WorkMeasure()
    message.concurrency = concurrency
    message.timeNanoseconds = timeNanoseconds
    message.count = count
    return message
  }
}
