import Logging
import NIOCore
import NIOHTTP1
import NIOHTTP2

/// Puts the handlers of a server's connections together: age, TLS, then what the first bytes ask for.
struct ConnectionAssembly: Sendable {
  /// How long a connection that will be refused may take to say what it speaks.
  private static let refusalTimeout = TimeAmount.seconds(2)
  private static let refusalText = "too many connections; try again later"

  let configuration: GRPCServerConfiguration
  let router: any GRPCServerRouter
  let http: (any HTTPServerRouter)?
  let logger: Logger

  func serve(_ channel: any Channel) throws {
    let preface = PrefaceGuard(
      timeout: configuration.handshakeTimeout, logger: logger,
      http2: { try addHTTP2(channel, behind: $0) },
      http1: http.map { http in { try addHTTP1(channel, behind: $0, http) } })
    try install(preface, on: channel)
    guard let age = configuration.maximumConnectionAge else { return }
    var generator = SystemRandomNumberGenerator()
    try channel.pipeline.syncOperations.addHandler(
      ConnectionAge(
        age: ConnectionAge.jittered(age, using: &generator),
        grace: configuration.maximumConnectionAgeGrace), position: .first)
  }

  /// Tells the client, in what it speaks, that it comes too many.
  func refuse(_ channel: any Channel) throws {
    let pipeline = channel.pipeline.syncOperations
    let preface = PrefaceGuard(
      timeout: min(Self.refusalTimeout, configuration.handshakeTimeout), logger: logger,
      http2: { _ in
        try pipeline.addHandler(
          ClosingAnswer(.goAway(.enhanceYourCalm, text: Self.refusalText)))
      },
      http1: { _ in
        try pipeline.addHandler(
          ClosingAnswer(
            .http1(
              status: "503 Service Unavailable", headers: ["retry-after: 1"],
              text: Self.refusalText)))
      })
    try install(preface, on: channel)
  }

  private func install(_ preface: PrefaceGuard, on channel: any Channel) throws {
    let pipeline = channel.pipeline.syncOperations
    if let certificates = configuration.tls {
      try pipeline.addHandler(TLSGuard(certificates: certificates, preface: preface))
    }
    try pipeline.addHandler(preface)
  }

  private func addHTTP2(_ channel: any Channel, behind preface: PrefaceGuard) throws {
    let eventLoop = channel.eventLoop
    let connection = ServerConnection(
      eventLoop: eventLoop, configuration: configuration, router: router, http: http,
      logger: logger)
    let settings: HTTP2Settings = [
      HTTP2Setting(
        parameter: .maxConcurrentStreams, value: configuration.maximumConcurrentStreams),
      HTTP2Setting(parameter: .initialWindowSize, value: configuration.windowBytes),
      HTTP2Setting(parameter: .maxHeaderListSize, value: configuration.maximumHeaderListBytes),
    ]
    let streams = StreamMultiplexer(windowBytes: configuration.windowBytes) { _ in
      ServerCall(connection: connection, eventLoop: eventLoop)
    }
    connection.streams = streams
    let http2 = NIOHTTP2Handler(
      mode: .server, frameDelegate: streams,
      connectionConfiguration: HTTP2Setup.connection(
        settings: settings, windowBytes: configuration.windowBytes,
        concurrentStreams: configuration.maximumConcurrentStreams, rememberedResets: 1024),
      streamConfiguration: HTTP2Setup.stream())
    let pipeline = channel.pipeline.syncOperations
    // A client that takes nothing is not read from: each of its requests would add to what waits for it.
    try pipeline.addHandler(BackPressureHandler(), position: .before(preface))
    try pipeline.addHandler(streams.coalescer, position: .before(preface))
    try pipeline.addHandler(streams)
    try pipeline.addHandler(connection)
    // Last, because it writes at once.
    try pipeline.addHandler(http2, position: .after(preface))
  }

  private func addHTTP1(
    _ channel: any Channel, behind preface: PrefaceGuard, _ http: any HTTPServerRouter
  ) throws {
    let connection = HTTP1Connection(
      eventLoop: channel.eventLoop, configuration: configuration, router: http)
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderFieldSize = configuration.maximumHeaderListBytes
    limits.maxHeaderListSize = configuration.maximumHeaderListBytes
    let decoder = HTTPRequestDecoder(limitConfiguration: limits)
    try channel.pipeline.syncOperations.addHandlers([
      HTTP1HeadBound(
        connection: connection, maximumBytes: configuration.maximumHeaderListBytes),
      HTTPResponseEncoder(), ByteToMessageHandler(decoder), connection,
    ])
  }
}
