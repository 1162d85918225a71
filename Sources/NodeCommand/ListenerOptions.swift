package import ArgumentParser
import CloudstateNode
import CommandLineKit

/// Limits of the public listener.
package struct ListenerOptions: ParsableArguments {
  private static let defaults = ListenerConfiguration()

  @Option(help: "Open connections of the public listener; more are told to come later.")
  package var maxConnections = defaults.maximumConnections
  @Option(help: "Open calls of each connection; clients queue or open another connection.")
  package var maxConcurrentStreams = defaults.maximumConcurrentStreams
  @Option(help: "Largest headers of a request in bytes.")
  package var maxHeaderBytes = defaults.maximumHeaderBytes
  @Option(help: "HTTP/2 window of each connection and call in bytes.")
  package var windowBytes = defaults.windowBytes
  @Option(help: "Answers that the client of an HTTP/2 connection may leave unread, in bytes.")
  package var maxUnreadBytes = defaults.maximumUnreadBytes
  @Option(help: "Time for a new connection to say what it wants, with its TLS handshake.")
  package var handshakeTimeout = defaults.handshakeTimeout
  @Option(help: "Time after which an HTTP/2 connection without calls is closed.")
  package var connectionIdleTimeout = defaults.connectionIdleTimeout
  @Option(help: "Time after which an HTTP/1 connection without a request is closed.")
  package var http1IdleTimeout = defaults.http1IdleTimeout
  @Option(help: "Time a client may stop in the middle of a message, or not read its answer.")
  package var stallTimeout = defaults.stallTimeout
  @Option(help: "Age at which connections are asked to finish, a tenth more or less; 0: never.")
  package var maxConnectionAge: Duration = .zero
  @Option(help: "Time calls may go on after that.")
  package var maxConnectionAgeGrace = defaults.maximumConnectionAgeGrace
  @Option(help: "Silence after which a client is probed; 0: never.")
  package var keepaliveInterval = defaults.keepaliveInterval ?? .zero
  @Option(help: "Time a probed client has to answer.")
  package var keepaliveTimeout = defaults.keepaliveTimeout
  @Option(help: "Time between pings of a client that is sent nothing; 0: any.")
  package var minPingInterval = defaults.minimumPingInterval

  package init() {}

  /// Long names of these options.
  static let names = [
    "max-connections", "max-concurrent-streams", "max-header-bytes", "window-bytes",
    "max-unread-bytes", "handshake-timeout", "connection-idle-timeout", "http1-idle-timeout",
    "stall-timeout",
    "max-connection-age", "max-connection-age-grace", "keepalive-interval", "keepalive-timeout",
    "min-ping-interval",
  ]

  /// The options as a node takes them; the node checks their ranges.
  func configure(_ listener: inout ListenerConfiguration) {
    listener.maximumConnections = maxConnections
    listener.maximumConcurrentStreams = maxConcurrentStreams
    listener.maximumHeaderBytes = maxHeaderBytes
    listener.windowBytes = windowBytes
    listener.maximumUnreadBytes = maxUnreadBytes
    listener.handshakeTimeout = handshakeTimeout
    listener.connectionIdleTimeout = connectionIdleTimeout
    listener.http1IdleTimeout = http1IdleTimeout
    listener.stallTimeout = stallTimeout
    listener.maximumConnectionAge = maxConnectionAge == .zero ? nil : maxConnectionAge
    listener.maximumConnectionAgeGrace = maxConnectionAgeGrace
    listener.keepaliveInterval = keepaliveInterval == .zero ? nil : keepaliveInterval
    listener.keepaliveTimeout = keepaliveTimeout
    listener.minimumPingInterval = minPingInterval
  }
}
