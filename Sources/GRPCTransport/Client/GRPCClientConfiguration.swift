package import NIOCore
import NIOHTTP2

/// Settings of a ``GRPCClientConnection``. Sizes are bytes.
package struct GRPCClientConfiguration: Sendable {
  /// The largest message taken, also after decompression; a larger one ends its call with
  /// RESOURCE_EXHAUSTED. Default 12 MiB.
  package var maximumMessageBytes = 12 * 1024 * 1024
  /// Open streams on the connection, if the server allows that many or says nothing: C-core and
  /// Node servers never say. Default 100 000. Further calls are queued.
  package var maximumConcurrentStreams = 100_000
  /// Calls that wait for the connection or for another call to end; the next one fails with
  /// RESOURCE_EXHAUSTED. Default 10 000.
  package var maximumQueuedCalls = 10_000
  /// Message bytes one call may send while it waits for the connection; beyond, it fails with
  /// RESOURCE_EXHAUSTED. Default 16 MiB.
  package var maximumHeldBytes = 16 * 1024 * 1024
  /// The largest header list taken, uncompressed. Default 16 KiB.
  package var maximumHeaderListBytes = 16 * 1024
  /// HTTP/2 flow-control window of the connection and of each stream. Default 1 MiB.
  package var windowBytes = 1 << 20
  /// Protects the connection by TLS; `nil`, the default, speaks plain text.
  package var tls: GRPCClientTLS?
  /// Sent with each call before its own metadata, such as a token. Default none.
  package var metadata = GRPCMetadata()
  /// How long one attempt to connect may take, up to the server's HTTP/2 settings. Default 10 s.
  package var connectTimeout = TimeAmount.seconds(10)
  /// How long what was sent may go without an acknowledgement of the other machine before the connection counts as broken
  /// (TCP_USER_TIMEOUT of tcp(7), RFC 5482). Default `nil`: the system tries for about a quarter of an hour, ever more
  /// rarely, so that a network that heals is not noticed for as long as it was away.
  package var unacknowledgedTimeout: TimeAmount?
  /// Waiting between attempts to connect.
  package var backoff = GRPCReconnectBackoff()
  /// Probing of a silent server. Default `nil`, never: real servers close connections for pings
  /// that come more often than every five minutes.
  package var keepalive: GRPCKeepalive?
  /// Compresses request messages with gzip. Default `false`; servers without gzip answer
  /// UNIMPLEMENTED.
  package var compressesRequests = false
  /// The `user-agent` header.
  package var userAgent = "grpc-swift-cloudstate/1"

  /// The number of a connection's first stream; a test of what happens after the last begins near it.
  var firstStreamID: HTTP2StreamID = 1

  /// All defaults.
  package init() {}
}

/// Waiting between attempts to connect: exponential, with jitter so that clients of a server that
/// came back do not all arrive together.
package struct GRPCReconnectBackoff: Hashable, Sendable {
  /// The wait after the first failure. Default 50 ms.
  package var initial = TimeAmount.milliseconds(50)
  /// The longest wait, before jitter. Default 5 s.
  package var maximum = TimeAmount.seconds(5)
  /// The growth with each further failure. Default 2.
  package var multiplier = 2.0
  /// The wait varies by this part of itself up and down. Default 0.2.
  package var jitter = 0.2

  /// All defaults.
  package init() {}

  /// The wait after the given number (1...) of failures in a row.
  package func delay(
    afterFailures failures: Int, using generator: inout some RandomNumberGenerator
  ) -> TimeAmount {
    var nanoseconds = Double(initial.nanoseconds)
    for _ in 1..<max(failures, 1) {
      nanoseconds *= multiplier
      guard nanoseconds < Double(maximum.nanoseconds) else { break }
    }
    nanoseconds = min(nanoseconds, Double(maximum.nanoseconds))
    let spread = min(max(jitter, 0), 1)
    nanoseconds *= Double.random(in: (1 - spread)...(1 + spread), using: &generator)
    return .nanoseconds(Int64(nanoseconds))
  }
}
