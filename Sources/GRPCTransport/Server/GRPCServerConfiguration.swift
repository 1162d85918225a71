package import NIOCore

/// Settings of a ``GRPCServer``. Sizes are bytes.
package struct GRPCServerConfiguration: Sendable {
  /// Where to listen. A stale socket file at a `unix:` path is replaced.
  package var address: GRPCAddress
  /// The largest message taken, also after decompression; a larger one ends its call with
  /// RESOURCE_EXHAUSTED. The largest body of a plain HTTP request too, answered 413. Default 12 MiB. This much memory may be held for each stream that is in
  /// the middle of a message.
  package var maximumMessageBytes = 12 * 1024 * 1024
  /// Protects connections by TLS; `nil`, the default, speaks plain text.
  package var tls: ServerCertificates?
  /// Open connections, counted when they are accepted. Those beyond are answered and closed: GOAWAY with
  /// ENHANCE_YOUR_CALM, or 503 on HTTP/1; when very many come, they are closed without a word. Default 10 000.
  package var maximumConnections = 10_000
  /// Open calls for each connection, always told to the client, which then queues or opens another
  /// connection. Default 100 000; an idle stream costs about 3 KiB.
  package var maximumConcurrentStreams = 100_000
  /// The largest header list taken, uncompressed. A client that sends a larger one loses its
  /// connection; on HTTP/1 it is answered 431 before. Default 16 KiB.
  package var maximumHeaderListBytes = 16 * 1024
  /// HTTP/2 flow-control window of each connection and each stream: what a peer may send before it
  /// is read. Default 1 MiB. Less saves memory behind slow readers, more helps long fast networks.
  package var windowBytes = 1 << 20
  /// How long a connection without calls is kept. Default 12 hours.
  package var connectionIdleTimeout = TimeAmount.hours(12)
  /// How long a new connection may take to send the HTTP/2 preface and its settings, and a request of
  /// HTTP/1 from its first byte to the end of its headers. Default 20 s.
  package var handshakeTimeout = TimeAmount.seconds(20)
  /// How long a connection of HTTP/1 without a request is kept. Default 60 s.
  package var http1IdleTimeout = TimeAmount.seconds(60)
  /// How long a client may send nothing of a body or message that is not complete, and take nothing of what
  /// it is sent. Default 60 s; then a request of plain HTTP is answered 408, a call ends with
  /// DEADLINE_EXCEEDED, and a client that does not read loses its answer or its connection. On HTTP/2 it is
  /// looked at once in this time, so it can be twice as long.
  package var stallTimeout = TimeAmount.seconds(60)
  /// The age at which a connection is asked to finish: GOAWAY, or `connection: close` on HTTP/1. A tenth more
  /// or less, by chance. Default `nil`, never. Less spreads clients over new nodes sooner.
  package var maximumConnectionAge: TimeAmount?
  /// How long calls may go on after that before the connection is closed. Default 5 minutes.
  package var maximumConnectionAgeGrace = TimeAmount.minutes(5)
  /// Time between two pings of a client that is sent nothing. Default 1 s; a client that pings more often many
  /// times in a row gets GOAWAY with ENHANCE_YOUR_CALM and "too_many_pings". Zero permits everything.
  package var minimumPingInterval = TimeAmount.seconds(1)
  /// Bytes of answers that a connection's client has not taken, in flow control or in the socket's queue. Answers
  /// are complete when they are sent, so only this bounds what many calls at once may leave. One that leaves
  /// more gets GOAWAY with ENHANCE_YOUR_CALM and "too_many_unread_answers". Default 256 MiB.
  package var maximumUnreadBytes = 256 << 20
  /// Connections the kernel completes before they are accepted. Default 1024; the kernel's own
  /// `net.core.somaxconn` bounds it too.
  package var acceptBacklog = 1024
  /// Probing of silent clients; default after 2 hours, closing 20 s later. `nil` never probes: then
  /// a client whose machine vanished is noticed only when something is sent to it.
  package var keepalive: GRPCKeepalive? = GRPCKeepalive(
    interval: .hours(2), timeout: .seconds(20))

  /// All other settings at their defaults.
  package init(address: GRPCAddress) { self.address = address }
}
