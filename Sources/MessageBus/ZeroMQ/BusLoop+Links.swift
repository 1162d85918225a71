import CloudstateModel
import Logging
import NIOCore
import ZeroMQ

/// Links to peers.
extension BusLoop {
  func connect(to peer: BusPeer) {
    guard peer.node != nodeID, links[peer.node]?.peer != peer else { return }
    disconnect(from: peer.node)
    do {
      links[peer.node] = try PeerLink(
        to: peer, topicPrefixes: subscriptions.topicPrefixes, configuration: configuration,
        context: context, poller: poller)
    } catch {
      var metadata = metadata(of: peer)
      metadata["publishEndpoint"] = "\(peer.publishEndpoint)"
      metadata["error"] = "\(error)"
      logger.error("cannot link with peer", metadata: metadata)
    }
  }

  /// Drops the link and all that hangs on it: a later link to the same node begins with nothing.
  func disconnect(from node: NodeID) {
    guard links.removeValue(forKey: node) != nil else { return }
    failRequests(of: node)
    subscriptions.noteLoss(from: node)
    sendsNoMore(node)
  }

  /// Takes in what happened to the connection of a link, in order.
  ///
  /// libzmq reports a break before it takes the broken connection's queue away. So nothing is sent
  /// between a break and the next handshake, when the socket has been made to forget that queue;
  /// otherwise a request could vanish into it and fail only when its time is over.
  func readEvents(of link: PeerLink) throws(ZeroMQError) {
    while let event = try link.connection.monitor.next() {
      switch event {
      case .established:
        finishBreak(of: link)
        try link.connection.socket.processEvents()
        link.status.established()
        link.isStalled = false
        try link.established(configuration.key)
        logger.info("connected to peer", metadata: metadata(of: link.peer))
      case .disconnected:
        sendsNoMore(link.peer.node)
        link.forgetFarewell()
        guard link.status.disconnected() else { continue }
        // Answers that came before the break count, but libzmq may tell of the break before it hands
        // over the last of them.
        link.breakDeadline = .now() + Self.breakDelay
        subscriptions.noteLoss(from: link.peer.node)
        logger.warning("lost the connection to peer", metadata: metadata(of: link.peer))
      case .handshakeFailed(let failure): noteFailedHandshake(of: link, failure)
      }
    }
  }

  /// Fails what was under way when the link broke.
  func finishBreak(of link: PeerLink) {
    guard link.breakDeadline != nil else { return }
    link.breakDeadline = nil
    failRequests(of: link.peer.node)
  }

  /// Fails everything that waits for a peer whose link is gone or down.
  func failRequests(of node: NodeID) {
    for entry in pending.removeAll(to: node) {
      fail(entry, sent: .linkBroke(node), unsent: .notConnected(node))
    }
    _ = links[node]?.outbound.removeAll()
    links[node]?.isStalled = false
  }
}
