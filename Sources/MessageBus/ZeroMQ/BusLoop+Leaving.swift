import CloudstateModel
import NIOCore
import ZeroMQ

/// A bus that is about to end, and the peers that may still send requests to it.
struct Leaving {
  var waitsFor: Set<NodeID>
  let completion: @Sendable () -> Void
}

/// The end of a bus.
///
/// A request that is on its way when its target closes the connection is lost without an answer, and its
/// sender cannot know whether it was carried out. So a bus first asks its peers to send no more: each answers
/// behind its last request, on the same connection, and takes the link for down from then on.
extension BusLoop {
  /// From the bus that leaves, on its link.
  static let leavingSubject = Subject(tokens: ["cs", "bus", "leaving"])
  /// The answer, on the link of the peer, behind its last request.
  static let lastSubject = Subject(tokens: ["cs", "bus", "last"])

  /// Far longer than a bus takes to end after its farewell.
  static let leavingTime = TimeAmount.seconds(5)

  /// Asks the peers to send no more; `completion` is called when all have answered, or their links broke.
  func leave(_ completion: @escaping @Sendable () -> Void) {
    let asked = links.values.filter(\.status.isUp)
    leaving = Leaving(waitsFor: Set(asked.map(\.peer.node)), completion: completion)
    for link in asked {
      link.owesLeaving = true
      sendRequests(of: link)
    }
    finishLeaving()
  }

  /// Whether a request was one between buses, about the end of one of them.
  func takeFarewell(_ subject: Subject, from source: NodeID) -> Bool {
    switch subject {
    case Self.leavingSubject:
      guard let link = links[source] else { return true }
      guard link.status.acceptsRequests else { return true }
      // What waits here was promised to be sent, and is answered: the peer still reads.
      link.owesLast = true
      sendRequests(of: link)
    case Self.lastSubject: sendsNoMore(source)
    default: return false
    }
    return true
  }

  /// Tells a peer what is due, behind all requests. What finds no room is due again when there is some.
  func sayFarewell(to link: PeerLink) {
    if link.owesLeaving {
      guard tell(Self.leavingSubject, link) else { return link.isStalled = true }
      link.owesLeaving = false
    }
    if link.owesLast {
      guard tell(Self.lastSubject, link) else { return link.isStalled = true }
      link.owesLast = false
      link.status.leave(until: now + Self.leavingTime)
    }
  }

  /// Nothing more will come from a peer.
  func sendsNoMore(_ node: NodeID) {
    guard leaving?.waitsFor.remove(node) != nil else { return }
    finishLeaving()
  }

  private func finishLeaving() {
    guard let leaving, leaving.waitsFor.isEmpty else { return }
    self.leaving = nil
    leaving.completion()
  }

  private func tell(_ subject: Subject, _ link: PeerLink) -> Bool {
    withMessage(to: link.peer.node, start: start) { message in
      message.writeEnvelope(.request(id: 0, subject: subject, payload: ByteBuffer()))
      return send(message, to: link)
    }
  }

  func finish() {
    let end = NIODeadline.now() + configuration.drainTime
    while !routes.isEmpty, NIODeadline.now() < end {
      queue.wakeUp.clear()
      queue.wakeUp.wait(milliseconds: 1)
      sendAnswers()
    }
    // The last answers are with libzmq now. A peer that sees the connection close before it has read them
    // takes the link for broken, so they get a moment's head start.
    queue.wakeUp.clear()
    queue.wakeUp.wait(milliseconds: 25)
    for entry in pending.removeAll() {
      completions.add(entry.completion, .failure(.closed(nodeID)))
    }
    completions.deliver()
  }
}
