import CloudstateModel
import DequeModule
import NIOCore

/// Everything an ``InMemoryNetwork`` knows, guarded by its lock. Methods answer the calls to make once the
/// lock is released.
struct InMemoryState {
  struct Node {
    let start: UInt64
    var links: [NodeID: BusPeer] = [:]
    var subscriptions = SubscriptionTable<PublicationHandler>()
    var responders = ResponderTable<RequestHandler>()
    var numbering: PublicationNumbering
    var pending: PendingRequests<Requester>
    var timers: [UInt64: Scheduled<Void>] = [:]
  }

  let limits: InMemoryLimits
  var nodes: [NodeID: Node] = [:]
  var severed: Set<Set<NodeID>> = []
  var queue: Deque<InMemoryMessage> = []
  var isDelivering = false
  var isLost: (@Sendable (InMemoryMessage) -> Bool)?
  private var lastNumber: UInt64 = 0

  init(limits: InMemoryLimits) { self.limits = limits }

  mutating func nextNumber() -> UInt64 {
    lastNumber += 1
    return lastNumber
  }

  // MARK: Members

  mutating func add(_ id: NodeID) -> UInt64 {
    let start = nextNumber() << 32
    nodes[id] = Node(
      start: start, numbering: PublicationNumbering(start: start),
      pending: PendingRequests(limitPerPeer: limits.pendingRequestsPerPeer))
    return start
  }

  mutating func remove(_ id: NodeID) -> [InMemoryEffect] {
    guard var node = nodes.removeValue(forKey: id) else { return [] }
    queue.removeAll { $0.source == id || $0.target == id }
    node.timers.values.forEach { $0.cancel() }
    var effects = node.pending.removeAll().map {
      InMemoryEffect.complete($0.completion, .failure(.closed(id)))
    }
    for other in nodes.keys.sorted() { effects += breakLink(other, to: id) }
    return effects
  }

  // MARK: Links

  mutating func connect(_ id: NodeID, to peer: BusPeer) -> [InMemoryEffect] {
    guard peer.node != id, nodes[id]?.links[peer.node] != peer else { return [] }
    let effects = disconnect(id, from: peer.node)
    nodes[id]?.links[peer.node] = peer
    return effects
  }

  mutating func disconnect(_ id: NodeID, from other: NodeID) -> [InMemoryEffect] {
    guard nodes[id]?.links[other] != nil else { return [] }
    let effects = breakLink(id, to: other)
    nodes[id]?.links[other] = nil
    return effects
  }

  mutating func sever(_ first: NodeID, _ second: NodeID) -> [InMemoryEffect] {
    let pair: Set<NodeID> = [first, second]
    guard pair.count == 2, severed.insert(pair).inserted else { return [] }
    queue.removeAll { [$0.source, $0.target] == pair }
    return breakLink(first, to: second) + breakLink(second, to: first)
  }

  private mutating func breakLink(_ id: NodeID, to other: NodeID) -> [InMemoryEffect] {
    guard nodes[id]?.links[other] != nil else { return [] }
    nodes[id]?.subscriptions.noteLoss(from: other)
    let broken = nodes[id]?.pending.removeAll(to: other) ?? []
    return broken.map { .complete($0.completion, .failure(.linkBroke(other))) }
  }

  private func canReach(_ first: NodeID, _ second: NodeID) -> Bool {
    nodes[first] != nil && nodes[second] != nil && !severed.contains([first, second])
  }

  // MARK: Sending

  mutating func enqueue(_ message: InMemoryMessage) {
    guard canReach(message.source, message.target) else { return }
    queue.append(message)
  }

  /// Sends a request and answers its id, or why it was not sent.
  mutating func request(
    _ subject: Subject, payload: ByteBuffer, from source: NodeID, to target: NodeID,
    _ requester: Requester
  ) -> Result<UInt64, BusError> {
    let oversize = BusError.oversize(
      "request", subject: subject, payload: payload, limit: limits.maximumMessageBytes)
    if let oversize { return .failure(oversize) }
    if source != target {
      guard nodes[source]?.links[target] != nil else { return .failure(.notLinked(target)) }
      guard canReach(source, target) else { return .failure(.notConnected(target)) }
    }
    let id = nextNumber()
    let isPending = nodes[source]?.pending.insert(
      id, to: target, deadline: .distantFuture, completion: requester)
    guard isPending == true else { return .failure(.tooMany(target)) }
    enqueue(
      InMemoryMessage(
        source: source, target: target, subject: subject,
        content: .request(id: id, payload: payload)))
    return .success(id)
  }

  mutating func publish(_ subject: Subject, payload: ByteBuffer, from source: NodeID) {
    let number = nodes[source]?.numbering.next(in: PublicationClass(of: subject))
    guard let number, payload.readableBytes <= limits.maximumMessageBytes,
      subject.text.utf8.count <= Subject.maximumLength
    else { return }
    for target in nodes.keys.sorted() {
      let link = nodes[target]?.links[source]
      guard target == source || link.map({ !$0.publishEndpoint.isEmpty }) ?? false else { continue }
      enqueue(
        InMemoryMessage(
          source: source, target: target, subject: subject,
          content: .publication(number, payload: payload)))
    }
  }

  // MARK: Receiving

  mutating func deliver(
    _ message: InMemoryMessage, network: InMemoryNetwork
  ) -> [InMemoryEffect] {
    let source = message.source
    let target = message.target
    switch message.content {
    case .request(let id, let payload):
      guard let handler = nodes[target]?.responders.handler(for: message.subject) else {
        enqueue(message.answer(id, .failure(.noResponder(message.subject, at: target))))
        return []
      }
      let slot = InMemoryAnswerSlot()
      let request = BusRequest(subject: message.subject, source: source, payload: payload) {
        [limits] result in
        guard slot.take() else { return }
        network.answer(message.answer(id, limits.checked(result)))
      }
      return [.respond(handler, request)]
    case .answer(let id, let result):
      guard let requester = nodes[target]?.pending.answer(id, from: source) else { return [] }
      nodes[target]?.timers.removeValue(forKey: id)?.cancel()
      return [.complete(requester, result)]
    case .publication(let number, let payload):
      let deliveries = nodes[target]?.subscriptions.receive(
        message.subject, in: PublicationClass(of: message.subject), from: source, number: number)
      return (deliveries ?? []).map { delivery in
        .publish(
          delivery.handler,
          Publication(
            subject: message.subject, source: source, sequence: delivery.sequence,
            payload: payload))
      }
    }
  }

  mutating func timeOut(_ id: UInt64, of source: NodeID, target: NodeID) -> [InMemoryEffect] {
    nodes[source]?.timers[id] = nil
    guard let requester = nodes[source]?.pending.answer(id, from: target) else { return [] }
    return [.complete(requester, .failure(.noAnswer(target)))]
  }
}

extension InMemoryLimits {
  /// The answer, or a failure in its place if it is too long.
  func checked(_ result: Result<ByteBuffer, BusError>) -> Result<ByteBuffer, BusError> {
    guard case .success(let payload) = result,
      let error = BusError.oversize(
        "answer", subject: nil, payload: payload, limit: maximumMessageBytes)
    else { return result }
    return .failure(error)
  }
}
