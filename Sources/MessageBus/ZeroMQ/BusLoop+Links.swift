import CloudstateModel
import Logging
import NIOCore
import ZeroMQ

/// Links to peers.
extension BusLoop {
  func connect(to peer: BusPeer) {
    guard peer.node != nodeID, links[peer.node]?.peer != peer else { return }
    let isNew = unlinked[peer.node]?.peer != peer
    disconnect(from: peer.node)
    do {
      links[peer.node] = try PeerLink(
        to: peer, topicPrefixes: subscriptions.topicPrefixes, configuration: configuration,
        context: context, poller: poller)
    } catch {
      // There may be descriptors again; an endpoint that makes no sense never works, and costs next to nothing.
      unlinked[peer.node] = (peer, now + Self.retryDelay)
      guard isNew else { return }
      var metadata = metadata(of: peer)
      metadata["publishEndpoint"] = "\(peer.publishEndpoint)"
      metadata["error"] = "\(error)"
      logger.error("cannot link with peer", metadata: metadata)
    }
  }

  /// Drops the link and all that hangs on it: a later link to the same node begins with nothing.
  func disconnect(from node: NodeID) {
    unlinked[node] = nil
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
        // A handshake may be done just as its connection is given up, which nobody tells.
        if link.status.isUp { failRequests(of: link.peer.node) }
        try link.connection.socket.processEvents()
        link.status.established()
        link.isStalled = false
        try link.established(configuration.key)
        logger.info("connected to peer", metadata: metadata(of: link.peer))
      case .disconnected:
        sendsNoMore(link.peer.node)
        if link.retry == nil { link.retry = now + Self.retryDelay }
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

  /// Takes in what happened to the connection on which publications come.
  func readSubscriberEvents(of link: PeerLink) throws(ZeroMQError) {
    while let subscriber = link.subscriber, let event = try subscriber.connection.monitor.next() {
      switch event {
      case .established: subscriber.retry = nil
      case .disconnected, .handshakeFailed:
        // What is published from now until the next connection is missed.
        if event == .disconnected { subscriptions.noteLoss(from: link.peer.node) }
        if subscriber.retry == nil { subscriber.retry = now + Self.retryDelay }
      }
    }
  }

  /// Connects anew what libzmq has not connected by itself: it gives some connections up for good.
  func tryAgainIfDue(_ link: PeerLink) {
    // Each may stand again since the thread last looked.
    if isDue(link.retry) {
      do throws(ZeroMQError) {
        try readEvents(of: link)
        if isDue(link.retry) { try link.reconnect(configuration.key) }
      } catch {
        noteFailure(error)
        link.retry = now + Self.retryDelay
      }
    }
    if let subscriber = link.subscriber, isDue(subscriber.retry) {
      do throws(ZeroMQError) {
        try readSubscriberEvents(of: link)
        if isDue(subscriber.retry) { try link.reconnectSubscriber(configuration.key) }
      } catch {
        noteFailure(error)
        subscriber.retry = now + Self.retryDelay
      }
    }
  }

  private func isDue(_ time: NIODeadline?) -> Bool { time.map { $0 <= now } ?? false }

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
