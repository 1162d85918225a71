package import CloudstateModel
package import NIOCore

/// The broker inside every node, meshed with its peers (design section 6).
///
/// Two kinds of traffic: *requests* go to one named peer and are answered or fail (they carry commands,
/// replies and control messages); *publications* go to every subscriber and may be lost, each with a
/// sequence so that a loss is seen. Subjects and wildcards are those of NATS.
///
/// All members may be called from any thread. Handlers run on the bus thread unless an event loop is
/// named, and must not block.
package protocol MessageBus: Sendable {
  var nodeID: NodeID { get }

  /// Links this bus with a peer. Linking again with other endpoints replaces the link: the peer has
  /// restarted.
  func connect(to peer: BusPeer)
  func disconnect(from node: NodeID)

  /// Sends a publication to all local subscribers and all linked peers that subscribe.
  func publish(_ subject: Subject, payload: ByteBuffer)

  /// Calls `handler` for each publication whose subject matches, from here and from linked peers. Of the
  /// members of one queue group on this node, only one gets each publication.
  func subscribe(
    _ pattern: SubjectPattern, queueGroup: String?,
    handler: @escaping @Sendable (Publication) -> Void
  ) -> Subscription

  /// Answers requests whose subject matches. The most recently registered matching handler gets a
  /// request; without one the requester gets ``BusError/Code/noResponder``.
  func serve(
    _ pattern: SubjectPattern, handler: @escaping @Sendable (BusRequest) -> Void
  ) -> Subscription

  /// Sends a request to a peer (or to this node itself) and completes exactly once, on `eventLoop`, with
  /// the answer or an error.
  func request(
    _ subject: Subject, payload: ByteBuffer, to node: NodeID, timeout: TimeAmount,
    on eventLoop: any EventLoop,
    completion: @escaping @Sendable (Result<ByteBuffer, BusError>) -> Void
  )
}

/// Where to reach a peer's sockets, such as `tcp://127.0.0.1:5101` or `ipc:///run/cs/node-1`.
package struct BusPeer: Hashable, Sendable {
  package var node: NodeID
  /// Endpoint of the ROUTER socket: requests and answers.
  package var requestEndpoint: String
  /// Endpoint of the publishing socket.
  package var publishEndpoint: String
  /// Distinguishes restarts of the same node.
  package var incarnation: UInt64

  package init(node: NodeID, requestEndpoint: String, publishEndpoint: String, incarnation: UInt64)
  {
    self.node = node
    self.requestEndpoint = requestEndpoint
    self.publishEndpoint = publishEndpoint
    self.incarnation = incarnation
  }
}

/// A message as a subscriber sees it.
package struct Publication: Sendable {
  package let subject: Subject
  package let source: NodeID
  /// Counts what this subscription got from `source`: one more than with its last publication from there.
  /// A jump tells that publications it wanted may have been lost: read again from the store. A lost
  /// publication shows with the next one of its class (see ``PublicationClass``).
  package let sequence: UInt64
  package let payload: ByteBuffer

  package init(subject: Subject, source: NodeID, sequence: UInt64, payload: ByteBuffer) {
    self.subject = subject
    self.source = source
    self.sequence = sequence
    self.payload = payload
  }
}

/// A request to answer exactly once; later answers are ignored. ``answer(_:)`` may be called from any
/// thread.
package struct BusRequest: Sendable {
  package let subject: Subject
  package let source: NodeID
  package let payload: ByteBuffer
  private let respond: @Sendable (Result<ByteBuffer, BusError>) -> Void

  package init(
    subject: Subject, source: NodeID, payload: ByteBuffer,
    respond: @escaping @Sendable (Result<ByteBuffer, BusError>) -> Void
  ) {
    self.subject = subject
    self.source = source
    self.payload = payload
    self.respond = respond
  }

  package func answer(_ result: Result<ByteBuffer, BusError>) { respond(result) }
}

/// A registration that ends when ``cancel()`` is called; letting go of the value does not end it.
/// Publications and requests that the canceller sends afterwards do not reach the handler; one under way
/// on the bus thread still may.
package struct Subscription: Sendable {
  private let onCancel: @Sendable () -> Void

  package init(onCancel: @escaping @Sendable () -> Void) { self.onCancel = onCancel }

  package func cancel() { onCancel() }
}

/// Why a request failed.
package struct BusError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Code: String, Sendable {
    /// The peer is not linked or its connection is down: nothing was delivered.
    case unreachable
    /// The link broke or the time passed after sending: the peer may or may not have acted.
    case timeout
    /// The peer serves no pattern that matches.
    case noResponder
    /// A bounded queue is full; nothing was sent.
    case overloaded
    /// The responder refused with a message of its own, or the message is longer than the bus allows:
    /// trying again is of no use.
    case rejected
    /// This node's bus has been shut down.
    case closed
  }

  package let code: Code
  package let message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { "\(code.rawValue): \(message)" }
}
