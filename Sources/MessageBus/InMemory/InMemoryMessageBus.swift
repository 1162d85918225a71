package import CloudstateModel
package import NIOCore

/// The bus within one process, for tests and simulations: the contract of ``MessageBus`` over an
/// ``InMemoryNetwork``, without sockets.
///
/// Differences from ``ZeroMQMessageBus``: endpoints are not looked at, except that an empty publishing
/// endpoint means "do not subscribe"; requests to a linked peer that has not joined fail at once instead
/// of waiting for a grace; timeouts run on the requester's event loop, so that a test that moves an
/// embedded loop's clock moves them too.
package final class InMemoryMessageBus: MessageBus {
  package let nodeID: NodeID
  private let network: InMemoryNetwork
  /// Tells this bus from others that had or will have the same node id.
  private let start: UInt64

  init(nodeID: NodeID, start: UInt64, network: InMemoryNetwork) {
    self.nodeID = nodeID
    self.start = start
    self.network = network
  }

  /// Leaves the network, as a crash would: unanswered requests of this bus fail as closed, those of others
  /// to it as broken links.
  package func shutdown() { network.leave(nodeID, start: start) }

  /// What another bus links with to reach this one.
  package func peer(incarnation: UInt64 = 1) -> BusPeer {
    BusPeer(
      node: nodeID, requestEndpoint: "memory://\(nodeID)/requests",
      publishEndpoint: "memory://\(nodeID)/publications", incarnation: incarnation)
  }

  package func connect(to peer: BusPeer) {
    network.perform(as: nodeID, start) { $0.connect(nodeID, to: peer) }
  }

  package func disconnect(from node: NodeID) {
    network.perform(as: nodeID, start) { $0.disconnect(nodeID, from: node) }
  }

  package func publish(_ subject: Subject, payload: ByteBuffer) {
    network.perform(as: nodeID, start) {
      $0.publish(subject, payload: payload, from: nodeID)
      return []
    }
  }

  package func subscribe(
    _ pattern: SubjectPattern, queueGroup: String?,
    handler: @escaping @Sendable (Publication) -> Void
  ) -> Subscription {
    register { id, node in
      _ = node.subscriptions.add(
        id, pattern: pattern, queueGroup: queueGroup, handler: handler)
    }
  }

  package func serve(
    _ pattern: SubjectPattern, handler: @escaping @Sendable (BusRequest) -> Void
  ) -> Subscription {
    register { id, node in node.responders.add(id, pattern: pattern, handler: handler) }
  }

  package func request(
    _ subject: Subject, payload: ByteBuffer, to node: NodeID, timeout: TimeAmount,
    on eventLoop: any EventLoop,
    completion: @escaping @Sendable (Result<ByteBuffer, BusError>) -> Void
  ) {
    let requester = Requester(eventLoop: eventLoop, completion: completion)
    network.request(
      subject, payload: payload, from: nodeID, start, to: node, timeout: timeout,
      requester: requester)
  }

  private func register(
    _ add: (UInt64, inout InMemoryNetwork.Node) -> Void
  ) -> Subscription {
    let id = network.register(as: nodeID, start, add)
    return Subscription { [network, nodeID, start] in
      network.perform(as: nodeID, start) { state in
        _ = state.nodes[nodeID]?.subscriptions.remove(id)
        state.nodes[nodeID]?.responders.remove(id)
        return []
      }
    }
  }
}
