import CZeroMQ

/// What happened to a connection of a monitored socket (zmq_socket_monitor(3)).
package enum ConnectionEvent: Hashable, Sendable {
  /// The handshake is done: messages flow.
  case established
  /// An established or half-open connection ended. libzmq tries again, but not where the other side sent what is not
  /// ZMTP or a frame over the limit (zeromq/libzmq#4196).
  case disconnected
  /// The connection ended before or in its handshake. libzmq tries again only where it does not know that
  /// the next handshake would end the same way.
  case handshakeFailed(HandshakeFailure)
}

/// Why a connection ended before messages could flow.
package struct HandshakeFailure: Hashable, Sendable {
  package enum Reason: Hashable, Sendable {
    /// The other side closed the connection, said nothing in time or does not speak ZMTP. A CURVE server
    /// that was spoken to with another key than its own closes, too.
    case broken
    /// One side wants CURVE, the other does not.
    case otherMechanism
    /// A client of this server did not know its public key.
    case otherServerKey
    /// The server does not admit the client's key. Both sides learn it.
    case denied
    /// Anything else against the protocol.
    case protocolError
  }

  package let reason: Reason
  /// The other end, `ADDRESS:PORT`, of a connection that was accepted; `nil` if it is not known.
  package let address: String?

  package init(_ reason: Reason, address: String? = nil) {
    self.reason = reason
    self.address = address
  }
}

/// Puts the events of a monitor together: a failed handshake is told first, without saying whose it was, and
/// then the end of its connection. A pure value.
struct ConnectionBook {
  /// Connections remembered by address; further ones are told without.
  static let maximumAddresses = 4096

  private var addresses: [Int32: String] = [:]
  private var failure: HandshakeFailure.Reason?

  /// Takes one event of libzmq and answers what it means.
  ///
  /// - Parameter address: of the other end of the connection, asked for if `event` tells of a new one.
  mutating func note(
    _ event: Int32, value: Int32, address: (_ descriptor: Int32) -> String?
  ) -> [ConnectionEvent] {
    switch event {
    case ZMQ_EVENT_ACCEPTED:
      guard addresses.count < Self.maximumAddresses else { return [] }
      addresses[value] = address(value)
      return []
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
      return takeFailure() + [.established]
    case ZMQ_EVENT_DISCONNECTED:
      let address = addresses.removeValue(forKey: value)
      let failed = takeFailure(of: address)
      return failed.isEmpty ? [.disconnected] : failed
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: return fail(.broken)
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: return fail(.denied)
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
      switch value {
      case ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH: return fail(.otherMechanism)
      case ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC: return fail(.otherServerKey)
      default: return fail(.protocolError)
      }
    default: return []
    }
  }

  private mutating func fail(_ reason: HandshakeFailure.Reason) -> [ConnectionEvent] {
    // A second reason for the same end tells no more than the first.
    if failure == nil { failure = reason }
    return []
  }

  private mutating func takeFailure(of address: String? = nil) -> [ConnectionEvent] {
    guard let reason = failure else { return [] }
    failure = nil
    return [.handshakeFailed(HandshakeFailure(reason, address: address))]
  }
}
