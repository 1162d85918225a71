import CloudstateModel
import NIOCore
import ZeroMQ

/// Requests and answers, in both directions.
extension BusLoop {
  // MARK: Our requests

  func handle(_ request: OutgoingRequest) {
    let requester = request.requester
    let id = nextRequestID
    nextRequestID += 1
    guard request.target != nodeID else { return handleLocally(request, id: id) }
    guard let link = links[request.target] else {
      return completions.add(requester, .failure(.notLinked(request.target)))
    }
    guard link.acceptsRequests else {
      return completions.add(requester, .failure(.notConnected(request.target)))
    }
    let envelope = Envelope.request(id: id, subject: request.subject, payload: request.payload)
    guard
      pending.insert(id, to: request.target, deadline: request.deadline, completion: requester)
    else { return refuse(request) }
    guard append(envelope, to: link) else {
      _ = pending.answer(id, from: request.target)
      return refuse(request)
    }
  }

  private func append(_ envelope: Envelope, to link: PeerLink) -> Bool {
    if link.outbound.append(envelope) { return true }
    // A burst may fill the queue while the link has room.
    sendRequests(of: link)
    return link.outbound.append(envelope)
  }

  private func handleLocally(_ request: OutgoingRequest, id: UInt64) {
    guard
      pending.insert(id, to: nodeID, deadline: request.deadline, completion: request.requester)
    else { return refuse(request) }
    pending.markSent(id)
    respond(to: request.subject, request.payload, from: nodeID, .local(id: id))
  }

  private func refuse(_ request: OutgoingRequest) {
    queue.statistics.update { $0.overloadedRequests += 1 }
    completions.add(request.requester, .failure(.tooMany(request.target)))
  }

  func fail(_ entry: PendingRequests<Requester>.Entry, sent: BusError, unsent: BusError) {
    completions.add(entry.completion, .failure(entry.isSent ? sent : unsent))
  }

  /// Sends what waits for a peer, as far as it takes it, and behind it what is due at an end.
  func sendRequests(of link: PeerLink) {
    guard link.status.isUp, !link.isStalled else { return }
    while !link.outbound.isEmpty {
      let (taken, isSent) = withMessage(to: link.peer.node, start: start) { message in
        let batch = link.outbound.writeBatch(
          to: &message, maximumBytes: configuration.coalescingBytes,
          maximumCount: configuration.coalescingMessages
        ) { pending.isPending($0.number) }
        return (batch.taken, batch.written == 0 || send(message, to: link))
      }
      guard isSent else {
        link.isStalled = true
        return
      }
      link.outbound.removeFirst(taken) { pending.markSent($0.number) }
    }
    sayFarewell(to: link)
  }

  func send(_ message: ByteBuffer, to link: PeerLink) -> Bool {
    do throws(ZeroMQError) {
      return try link.connection.socket.send(message.readableBytesSpan)
    } catch {
      noteFailure(error)
      return false
    }
  }

  /// Takes in answers to our requests.
  func readAnswers(of link: PeerLink) throws(ZeroMQError) {
    for _ in 0..<Self.messagesPerRound {
      guard try link.connection.socket.receive(into: frame) else { return }
      guard let message = try decodeFrame(on: link.connection.socket) else { continue }
      guard message.header.source == link.peer.node else {
        noteMalformed("is from \(message.header.source) on the link to \(link.peer.node)")
        continue
      }
      for envelope in message.envelopes {
        switch envelope {
        case .answer(let id, let payload): complete(id, from: link.peer.node, .success(payload))
        case .failure(let id, let error): complete(id, from: link.peer.node, .failure(error))
        case .request, .publication: noteMalformed("holds no answer where one was due")
        }
      }
    }
  }

  private func complete(_ id: UInt64, from node: NodeID, _ result: Result<ByteBuffer, BusError>) {
    guard let requester = pending.answer(id, from: node) else {
      return queue.statistics.update { $0.lateAnswers += 1 }
    }
    completions.add(requester, result)
  }

  // MARK: Requests of others

  /// Takes in requests and calls their responders.
  func readRequests() throws(ZeroMQError) {
    for _ in 0..<Self.messagesPerRound {
      guard try router.socket.receive(into: frame) else { return }
      var name = ByteBuffer()
      frame.withBytes { _ = name.writeBytes($0) }
      guard frame.hasMore, try router.socket.receive(into: frame) else {
        noteMalformed("has no content")
        continue
      }
      guard let message = try decodeFrame(on: router.socket) else { continue }
      takeSubmissions()
      let route = RouteID(bytes: Array(name.readableBytesView))
      for envelope in message.envelopes {
        guard case .request(let id, let subject, let payload) = envelope else {
          noteMalformed("holds no request where one was due")
          continue
        }
        if takeFarewell(subject, from: message.header.source) { continue }
        let destination = AnswerDestination.remote(route, id: id)
        if let target = message.header.target, target != nodeID {
          answer(
            destination, .failure(BusError(.unreachable, "\(nodeID) answers here, not \(target)")))
        } else {
          respond(to: subject, payload, from: message.header.source, destination)
        }
      }
    }
  }

  private func respond(
    to subject: Subject, _ payload: ByteBuffer, from source: NodeID,
    _ destination: AnswerDestination
  ) {
    guard let handler = responders.handler(for: subject) else {
      return answer(destination, .failure(.noResponder(subject, at: nodeID)))
    }
    let slot = AnswerSlot(destination, queue: queue)
    handler(
      BusRequest(subject: subject, source: source, payload: payload) { slot.answer($0) })
  }

  /// Queues an answer for the requester.
  func answer(_ destination: AnswerDestination, _ result: Result<ByteBuffer, BusError>) {
    let result = checkSize(result)
    switch destination {
    case .local(let id): complete(id, from: nodeID, result)
    case .remote(let route, let id):
      let envelope: Envelope =
        switch result {
        case .success(let payload): .answer(id: id, payload: payload)
        case .failure(let error): .failure(id: id, error)
        }
      let route = self.route(route)
      if route.outbound.append(envelope) { return }
      sendAnswers(to: route)
      // An empty route has been forgotten.
      if self.route(route.id).outbound.append(envelope) { return }
      queue.statistics.update { $0.droppedAnswers += 1 }
    }
  }

  private func route(_ id: RouteID) -> AnswerRoute {
    if let known = routes[id] { return known }
    let route = AnswerRoute(
      id: id,
      outbound: OutboundQueue(
        maximumCount: configuration.outboundMessagesPerPeer,
        maximumBytes: configuration.outboundBytesPerPeer))
    routes[id] = route
    return route
  }

  private func checkSize(
    _ result: Result<ByteBuffer, BusError>
  ) -> Result<ByteBuffer, BusError> {
    guard case .success(let payload) = result,
      let error = BusError.oversize(
        "answer", subject: nil, payload: payload, limit: configuration.maximumMessageBytes)
    else { return result }
    return .failure(error)
  }

  /// Sends answers as far as their routes take them; what stays is tried again soon.
  func sendAnswers() {
    for route in Array(routes.values) { sendAnswers(to: route) }
  }

  private func sendAnswers(to route: AnswerRoute) {
    do throws(ZeroMQError) {
      while !route.outbound.isEmpty, try sendBatch(to: route) {}
    } catch {
      // EHOSTUNREACH: the connection is gone, and its requester has been told so by its own bus.
      let dropped = route.outbound.removeAll()
      queue.statistics.update { $0.droppedAnswers += UInt64(dropped) }
    }
    if route.outbound.isEmpty { routes[route.id] = nil }
  }

  /// Sends one message of answers; `false` if the route has no room.
  private func sendBatch(to route: AnswerRoute) throws(ZeroMQError) -> Bool {
    let name = route.id.bytes
    let taken = try withMessage(to: nil, start: start) { message throws(ZeroMQError) -> Int? in
      let batch = route.outbound.writeBatch(
        to: &message, maximumBytes: configuration.coalescingBytes,
        maximumCount: configuration.coalescingMessages
      ) { _ in true }
      guard try router.socket.send(name.span.bytes, more: true),
        try router.socket.send(message.readableBytesSpan)
      else { return nil }
      return batch.taken
    }
    guard let taken else { return false }
    route.outbound.removeFirst(taken) { _ in }
    return true
  }
}
