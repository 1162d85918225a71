import CloudstateModel
import NIOCore
import ZeroMQ

/// Publications and subscriptions.
extension BusLoop {
  // MARK: Subscriptions

  func subscribe(
    _ id: UInt64, _ pattern: SubjectPattern, queueGroup: String?,
    _ handler: @escaping PublicationHandler
  ) {
    let added = subscriptions.add(id, pattern: pattern, queueGroup: queueGroup, handler: handler)
    if let added { forward(.subscribe(added)) }
  }

  /// Ends a subscription or a responder.
  func cancel(_ id: UInt64) {
    responders.remove(id)
    if let removed = subscriptions.remove(id) { forward(.unsubscribe(removed)) }
  }

  private func forward(_ option: Socket.Option) {
    for link in links.values {
      do throws(ZeroMQError) {
        try link.subscriber?.connection.socket.set(option)
      } catch {
        noteFailure(error)
      }
    }
  }

  // MARK: Ours

  /// Gives a publication to local subscribers and keeps it for the peers.
  func publish(_ publication: OutgoingPublication) {
    deliver(
      publication.subject, in: publication.publicationClass, publication.payload, from: nodeID,
      number: publication.number)
    publications.append(publication)
  }

  /// Sends the publications of this round, in order; neighbours of one class share a message. libzmq
  /// drops for subscribers that are too slow.
  func sendPublications() {
    var rest = publications[...]
    while let first = rest.first {
      withMessage(to: nil, start: first.number.start) { message in
        var count = 0
        while let next = rest.first, count < configuration.coalescingMessages,
          next.publicationClass == first.publicationClass,
          next.number.start == first.number.start
        {
          let envelope = Envelope.publication(
            sequence: next.number.sequence, subject: next.subject, payload: next.payload)
          let isFull = message.readableBytes + envelope.byteCount > configuration.coalescingBytes
          guard count == 0 || !isFull else { break }
          message.writeEnvelope(envelope)
          rest.removeFirst()
          count += 1
        }
        send(message, topic: first.publicationClass.topic, count: count)
      }
    }
    publications.removeAll(keepingCapacity: true)
  }

  private func send(_ message: ByteBuffer, topic: [UInt8], count: Int) {
    do throws(ZeroMQError) {
      if try publisher.socket.send(topic.span.bytes, more: true),
        try publisher.socket.send(message.readableBytesSpan)
      {
        return
      }
    } catch {
      noteFailure(error)
    }
    queue.statistics.update { $0.droppedPublications += UInt64(count) }
  }

  // MARK: Those of others

  func readPublications(of link: PeerLink) throws(ZeroMQError) {
    guard let subscriber = link.subscriber else { return }
    for _ in 0..<Self.messagesPerRound {
      guard try subscriber.connection.socket.receive(into: frame) else { return }
      var topic = ByteBuffer()
      frame.withBytes { _ = topic.writeBytes($0) }
      guard frame.hasMore, try subscriber.connection.socket.receive(into: frame) else {
        noteMalformed("has no content")
        continue
      }
      guard let message = try decodeFrame(on: subscriber.connection.socket) else { continue }
      takeSubmissions()
      guard links[link.peer.node] === link else { return }
      deliver(message, topic: topic, of: link)
    }
  }

  private func deliver(_ message: IncomingMessage, topic: ByteBuffer, of link: PeerLink) {
    guard message.header.source == link.peer.node else {
      return noteMalformed("is from \(message.header.source) on the link to \(link.peer.node)")
    }
    for envelope in message.envelopes {
      guard case .publication(let sequence, let subject, let payload) = envelope else {
        noteMalformed("holds no publication where one was due")
        continue
      }
      let publicationClass = PublicationClass(of: subject)
      guard topic.readableBytesView.elementsEqual(publicationClass.topic) else {
        noteMalformed("holds a publication of another class than its topic")
        continue
      }
      deliver(
        subject, in: publicationClass, payload, from: link.peer.node,
        number: PublicationNumber(start: message.header.start, sequence: sequence))
    }
  }

  private func deliver(
    _ subject: Subject, in publicationClass: PublicationClass, _ payload: ByteBuffer,
    from source: NodeID, number: PublicationNumber
  ) {
    let deliveries = subscriptions.receive(
      subject, in: publicationClass, from: source, number: number)
    for delivery in deliveries {
      delivery.handler(
        Publication(
          subject: subject, source: source, sequence: delivery.sequence, payload: payload))
    }
  }
}
