import CloudstateModel
import NIOCore
import ZeroMQ

/// The sockets towards one peer and what waits to be sent to it. Belongs to the bus thread.
final class PeerLink {
  /// A subscriber socket in a box: an optional cannot lend a noncopyable value.
  final class Subscriber {
    let connection: MonitoredSocket
    /// When to connect anew.
    var retry: NIODeadline?

    init(_ connection: consuming MonitoredSocket) { self.connection = connection }
  }

  let peer: BusPeer
  let connection: MonitoredSocket
  /// `nil` for a peer that publishes nothing.
  let subscriber: Subscriber?
  var status: LinkStatus
  var outbound: OutboundQueue
  /// Whether the last send found no room; then the poller waits for it.
  var isStalled = false {
    didSet { connection.socket.awaitRoom(isStalled) }
  }
  /// Whether the peer is still to be told that this bus leaves.
  var owesLeaving = false
  /// Whether the peer, which leaves, is still to be told that nothing more comes.
  var owesLast = false
  /// When what was sent before a break fails; `nil` while nothing waits for that.
  var breakDeadline: NIODeadline?
  /// When to connect anew, unless libzmq has done so by then.
  var retry: NIODeadline?
  /// Whether the next key is to be tried then: a handshake has failed.
  var triesNextKey = false
  /// Whether a handshake has failed since the link last stood.
  var hasFailed = false
  var refusalLog = LogThrottle(interval: BusLoop.refusalLogInterval)
  /// The keys under which the peer may be found, and the one that is tried now.
  private let serverKeys: [CurveKey]
  private var serverKeyIndex = 0

  init(
    to peer: BusPeer, topicPrefixes: [[UInt8]], configuration: ZeroMQBusConfiguration,
    context: Context, poller: SocketPoller
  ) throws(ZeroMQError) {
    self.peer = peer
    status = LinkStatus(graceUntil: .now() + configuration.connectGrace)
    outbound = OutboundQueue(
      maximumCount: configuration.outboundMessagesPerPeer,
      maximumBytes: configuration.outboundBytesPerPeer)
    serverKeys = configuration.key?.knownKeys ?? []
    let keyOptions = Self.keyOptions(configuration.key, server: serverKeys.first)
    // Without `immediate`, requests would wait in libzmq for a peer that may have restarted since.
    let connection = try MonitoredSocket(
      .dealer, configuration.connectionOptions + keyOptions + [.immediate(true), .linger(0)],
      in: context)
    try connection.join(poller)
    try connection.socket.connect(peer.requestEndpoint)
    if peer.publishEndpoint.isEmpty {
      subscriber = nil
    } else {
      let connection = try MonitoredSocket(
        .subscribe, configuration.connectionOptions + keyOptions + [.linger(0)], in: context)
      for prefix in topicPrefixes { try connection.socket.set(.subscribe(prefix)) }
      try connection.join(poller)
      try connection.socket.connect(peer.publishEndpoint)
      subscriber = Subscriber(connection)
    }
    self.connection = connection
  }

  /// Whether requests may be sent, or wait to be. Not while the last word is due: each would put it off.
  var acceptsRequests: Bool { status.acceptsRequests && !owesLast }

  /// Owes nothing any more: who comes next under this endpoint may be another bus.
  func forgetFarewell() {
    owesLeaving = false
    owesLast = false
  }

  /// Whether no other key is left to try before all have been tried.
  var isAtLastKey: Bool { serverKeyIndex >= serverKeys.count - 1 }

  /// Connects anew, to a server with the next of the keys if a handshake has failed.
  ///
  /// - Parameter key: that of the bus.
  func reconnect(_ key: BusKey?) throws(ZeroMQError) {
    retry = nil
    let changesKey = triesNextKey && !serverKeys.isEmpty
    triesNextKey = false
    if changesKey { serverKeyIndex = (serverKeyIndex + 1) % serverKeys.count }
    try connection.socket.disconnect(peer.requestEndpoint)
    try connection.socket.set(keyOptions(key))
    try connection.socket.connect(peer.requestEndpoint)
    // Both sockets of a peer have one key.
    if changesKey { try reconnectSubscriber(key) }
  }

  /// The handshake is done. If one failed before, that of the subscriber has failed, too, and need not wait for its turn
  /// under the key that has proved right.
  func established(_ key: BusKey?) throws(ZeroMQError) {
    retry = nil
    triesNextKey = false
    guard hasFailed else { return }
    hasFailed = false
    try reconnectSubscriber(key)
  }

  /// Connects the subscriber anew under the key that is tried now.
  func reconnectSubscriber(_ key: BusKey?) throws(ZeroMQError) {
    guard let subscriber else { return }
    subscriber.retry = nil
    try subscriber.connection.socket.disconnect(peer.publishEndpoint)
    try subscriber.connection.socket.set(keyOptions(key))
    try subscriber.connection.socket.connect(peer.publishEndpoint)
  }

  private func keyOptions(_ key: BusKey?) -> [Socket.Option] {
    Self.keyOptions(key, server: serverKeys.isEmpty ? nil : serverKeys[serverKeyIndex])
  }

  private static func keyOptions(_ key: BusKey?, server: CurveKey?) -> [Socket.Option] {
    guard let key, let server else { return [] }
    return [.curveClient(key.pair, server: server)]
  }
}

extension ZeroMQBusConfiguration {
  /// What all sockets of the bus have in common.
  var connectionOptions: [Socket.Option] {
    [
      .ipv6(false),
      .maximumMessageSize(maximumFrameBytes),
      .heartbeatInterval(heartbeatInterval.wholeMilliseconds),
      .heartbeatTimeout(heartbeatTimeout.wholeMilliseconds),
      .connectTimeout(2000),
      .handshakeInterval(max(heartbeatTimeout, .seconds(1)).wholeMilliseconds),
      .reconnectInterval(50),
      .maximumReconnectInterval(1000),
      // Counted in messages, each of many envelopes: what does not fit waits in our own queues, which
      // are bounded in bytes.
      .sendHighWaterMark(16),
      // Without bound: a connection that breaks while libzmq 4.3.4 holds back its input aborts the process at
      // its next heartbeat (zeromq/libzmq#4364). The bus thread waits for nothing but its sockets, and what
      // peers may have under way is bounded where they send it.
      .receiveHighWaterMark(0),
    ]
  }
}

extension TimeAmount {
  /// Milliseconds, rounded up, as libzmq takes them.
  var wholeMilliseconds: Int32 {
    Int32(clamping: (max(nanoseconds, 0) / 1_000_000) + (nanoseconds % 1_000_000 > 0 ? 1 : 0))
  }
}
