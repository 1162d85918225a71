import CZeroMQ

extension Socket {
  /// The options of zmq_setsockopt(3) that are in use, with libzmq's meaning. Times are milliseconds.
  package enum Option: Hashable, Sendable {
    /// How long unsent messages outlive the socket; 0 drops them at once.
    case linger(Int32)
    /// Messages that may wait in each direction for each peer; 0 is unbounded.
    case sendHighWaterMark(Int32)
    case receiveHighWaterMark(Int32)
    /// ROUTER: sending to an unknown peer fails with EHOSTUNREACH, to a slow one with EAGAIN, instead of
    /// dropping silently.
    case routerMandatory(Bool)
    /// ROUTER: a new connection with a routing id in use takes it over instead of being refused.
    case routerHandover(Bool)
    /// ZMTP pings; a connection that stays silent for the timeout is closed.
    case heartbeatInterval(Int32)
    case heartbeatTimeout(Int32)
    /// First and longest pause before a lost connection is tried again.
    case reconnectInterval(Int32)
    case maximumReconnectInterval(Int32)
    /// A connection on which a larger frame arrives is closed. Bytes; -1 is unbounded.
    case maximumMessageSize(Int64)
    /// Messages wait only for connections that stand; without one, sending says "would block".
    case immediate(Bool)
    case ipv6(Bool)
    /// An attempt to connect that is not answered at all by then is given up, and made anew. Without one, the system tries
    /// again ever more rarely, minutes apart at last.
    case connectTimeout(Int32)
    /// A connection that has not finished its handshake by then is closed.
    case handshakeInterval(Int32)
    /// SUB: messages whose first frame begins with these bytes are wanted (no longer wanted).
    case subscribe([UInt8])
    case unsubscribe([UInt8])
    /// Accepts CURVE connections alone. The clients' keys go to the handler of ZAP (RFC 27) under this domain. It
    /// must be there before the socket listens: where there is none, libzmq admits every client.
    case curveServer(CurveSecretKey, domain: String)
    /// Connects by CURVE to servers with this public key, and shows them its own.
    case curveClient(CurveKeyPair, server: CurveKey)
  }

  /// Sets an option. Options that concern connections act on those made afterwards.
  package func set(_ option: Option) throws(ZeroMQError) {
    readiness.noteUse()
    switch option {
    case .linger(let value): try set(ZMQ_LINGER, value)
    case .sendHighWaterMark(let value): try set(ZMQ_SNDHWM, value)
    case .receiveHighWaterMark(let value): try set(ZMQ_RCVHWM, value)
    case .routerMandatory(let value): try set(ZMQ_ROUTER_MANDATORY, Int32(value ? 1 : 0))
    case .routerHandover(let value): try set(ZMQ_ROUTER_HANDOVER, Int32(value ? 1 : 0))
    case .heartbeatInterval(let value): try set(ZMQ_HEARTBEAT_IVL, value)
    case .heartbeatTimeout(let value): try set(ZMQ_HEARTBEAT_TIMEOUT, value)
    case .reconnectInterval(let value): try set(ZMQ_RECONNECT_IVL, value)
    case .maximumReconnectInterval(let value): try set(ZMQ_RECONNECT_IVL_MAX, value)
    case .maximumMessageSize(let value): try set(ZMQ_MAXMSGSIZE, value)
    case .immediate(let value): try set(ZMQ_IMMEDIATE, Int32(value ? 1 : 0))
    case .ipv6(let value): try set(ZMQ_IPV6, Int32(value ? 1 : 0))
    case .connectTimeout(let value): try set(ZMQ_CONNECT_TIMEOUT, value)
    case .handshakeInterval(let value): try set(ZMQ_HANDSHAKE_IVL, value)
    case .subscribe(let prefix): try set(ZMQ_SUBSCRIBE, prefix)
    case .unsubscribe(let prefix): try set(ZMQ_UNSUBSCRIBE, prefix)
    case .curveServer(let secretKey, let domain):
      try set(ZMQ_CURVE_SERVER, Int32(1))
      try set(ZMQ_CURVE_SECRETKEY, secretKey.bytes)
      try set(ZMQ_ZAP_DOMAIN, Array(domain.utf8))
    case .curveClient(let pair, let server):
      try set(ZMQ_CURVE_SERVERKEY, server.bytes)
      try set(ZMQ_CURVE_PUBLICKEY, pair.publicKey.bytes)
      try set(ZMQ_CURVE_SECRETKEY, pair.secretKey.bytes)
    }
  }

  /// Sets several options in order.
  package func set(_ options: [Option]) throws(ZeroMQError) {
    for option in options { try set(option) }
  }

  private func set(_ number: Int32, _ value: some FixedWidthInteger) throws(ZeroMQError) {
    checkThread()
    try require("zmq_setsockopt \(number)") {
      withUnsafeBytes(of: value) { zmq_setsockopt(raw, number, $0.baseAddress, $0.count) }
    }
  }

  private func set(_ number: Int32, _ bytes: [UInt8]) throws(ZeroMQError) {
    checkThread()
    try require("zmq_setsockopt \(number)") {
      bytes.withUnsafeBytes { zmq_setsockopt(raw, number, $0.baseAddress, $0.count) }
    }
  }
}
