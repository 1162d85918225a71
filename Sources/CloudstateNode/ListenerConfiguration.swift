package import GRPCTransport
import NIOCore

/// How the public listener is protected and what its clients may take. Each limit has an answer: see the
/// article <doc:Limits>. Sizes are bytes.
package struct ListenerConfiguration: Sendable {
  /// Default `nil`: plain text.
  package var tls: GRPCServerTLS?
  /// How often the files of ``tls`` are looked at for changes. Default 5 s.
  package var tlsReloadInterval: Duration = .seconds(5)
  /// Default 10 000.
  package var maximumConnections = 10_000
  /// Of each connection. Default 100 000.
  package var maximumConcurrentStreams = 100_000
  /// Of each request, uncompressed. Default 16 KiB.
  package var maximumHeaderBytes = 16 * 1024
  /// Of HTTP/2's flow control. Default 1 MiB.
  package var windowBytes = 1 << 20
  /// Bytes of answers that the client of a connection has not taken. Default 256 MiB.
  package var maximumUnreadBytes = 256 << 20
  /// Default 20 s.
  package var handshakeTimeout: Duration = .seconds(20)
  /// Default 12 h.
  package var connectionIdleTimeout: Duration = .seconds(12 * 3600)
  /// Default 60 s.
  package var http1IdleTimeout: Duration = .seconds(60)
  /// Default 60 s.
  package var stallTimeout: Duration = .seconds(60)
  /// Default `nil`: connections do not age.
  package var maximumConnectionAge: Duration?
  /// Default 5 minutes.
  package var maximumConnectionAgeGrace: Duration = .seconds(300)
  /// Default 2 h; `nil` never probes.
  package var keepaliveInterval: Duration? = .seconds(2 * 3600)
  /// Default 20 s.
  package var keepaliveTimeout: Duration = .seconds(20)
  /// Default 1 s; zero permits every ping.
  package var minimumPingInterval: Duration = .seconds(1)

  package init() {}

  /// The settings that are out of range, one sentence each.
  func problems() -> [String] {
    var problems: [String] = []
    func check(_ holds: Bool, _ problem: String) {
      if !holds { problems.append(problem) }
    }
    check((1...10_000_000).contains(maximumConnections), "max-connections must be 1 to 10000000")
    check(
      (1...Int(Int32.max)).contains(maximumConcurrentStreams),
      "max-concurrent-streams must be 1 to \(Int32.max)")
    check(
      (1024...(1 << 24)).contains(maximumHeaderBytes),
      "max-header-bytes must be 1024 to \(1 << 24)")
    // A smaller one than HTTP/2 begins with would have to be taken back from clients.
    check(
      (65_535...Int(Int32.max)).contains(windowBytes), "window-bytes must be 65535 to \(Int32.max)")
    check(maximumUnreadBytes >= 1 << 20, "max-unread-bytes must be at least \(1 << 20)")
    let ages = [maximumConnectionAge, keepaliveInterval].compactMap(\.self)
    let times: [(String, Duration)] = [
      ("handshake-timeout", handshakeTimeout), ("connection-idle-timeout", connectionIdleTimeout),
      ("http1-idle-timeout", http1IdleTimeout), ("stall-timeout", stallTimeout),
      ("keepalive-timeout", keepaliveTimeout), ("tls-reload-interval", tlsReloadInterval),
    ]
    for (name, time) in times {
      check(Self.sensible.contains(time), "\(name) must be 10ms to 365d")
    }
    check(
      ages.allSatisfy(Self.sensible.contains),
      "max-connection-age and keepalive-interval must be 10ms to 365d, or 0 for none")
    check(
      (.zero...Self.sensible.upperBound).contains(maximumConnectionAgeGrace)
        && (.zero...Self.sensible.upperBound).contains(minimumPingInterval),
      "max-connection-age-grace and min-ping-interval must be at most 365d")
    return problems
  }

  private static let sensible: ClosedRange<Duration> =
    .milliseconds(10)...(.seconds(365 * 24 * 3600))

  /// Sets up the listener, except for TLS.
  func apply(to settings: inout GRPCServerConfiguration) {
    settings.maximumConnections = maximumConnections
    settings.maximumConcurrentStreams = maximumConcurrentStreams
    settings.maximumHeaderListBytes = maximumHeaderBytes
    settings.windowBytes = windowBytes
    settings.maximumUnreadBytes = maximumUnreadBytes
    settings.handshakeTimeout = TimeAmount(handshakeTimeout)
    settings.connectionIdleTimeout = TimeAmount(connectionIdleTimeout)
    settings.http1IdleTimeout = TimeAmount(http1IdleTimeout)
    settings.stallTimeout = TimeAmount(stallTimeout)
    settings.maximumConnectionAge = maximumConnectionAge.map { TimeAmount($0) }
    settings.maximumConnectionAgeGrace = TimeAmount(maximumConnectionAgeGrace)
    settings.keepalive = keepaliveInterval.map {
      GRPCKeepalive(interval: TimeAmount($0), timeout: TimeAmount(keepaliveTimeout))
    }
    settings.minimumPingInterval = TimeAmount(minimumPingInterval)
  }
}
