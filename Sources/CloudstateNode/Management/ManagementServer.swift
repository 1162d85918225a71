import GRPCTransport
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

/// The management listener: `GET /ready` and `GET /alive` (proxy behaviour, section 13.3).
struct ManagementServer: Sendable {
  private let channel: any Channel

  var localAddress: SocketAddress? { channel.localAddress }

  static func start(
    address: GRPCAddress, readiness: Readiness, group: any EventLoopGroup
  ) async throws -> ManagementServer {
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(ProbeHandler(readiness: readiness))
        }
      }
    let channel: any Channel
    switch address {
    case .tcp(let host, let port): channel = try await bootstrap.bind(host: host, port: port).get()
    case .unixDomainSocket(let path):
      channel = try await bootstrap.bind(
        unixDomainSocketPath: path, cleanupExistingSocketFile: true
      ).get()
    }
    return ManagementServer(channel: channel)
  }

  func stop() async { try? await channel.close() }
}

/// Answers probes; a connection may ask again and again.
private final class ProbeHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let readiness: Readiness
  private var head: HTTPRequestHead?

  init(readiness: Readiness) { self.readiness = readiness }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): self.head = head
    case .body: break
    case .end:
      guard let head else { return }
      self.head = nil
      answer(head, context: context)
    }
  }

  private func answer(_ request: HTTPRequestHead, context: ChannelHandlerContext) {
    let (status, text) = response(to: request)
    let body = context.channel.allocator.buffer(string: text + "\n")
    var head = HTTPResponseHead(version: request.version, status: status)
    head.headers.add(name: "content-type", value: "text/plain; charset=utf-8")
    head.headers.add(name: "content-length", value: String(body.readableBytes))
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    if request.method != .HEAD {
      context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
    }
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    if !request.isKeepAlive { context.close(promise: nil) }
  }

  private func response(to request: HTTPRequestHead) -> (HTTPResponseStatus, String) {
    guard request.method == .GET || request.method == .HEAD else {
      return (.methodNotAllowed, "only GET is served here")
    }
    switch request.uri.prefix(while: { $0 != "?" }) {
    case "/alive": return (.ok, "alive")
    case "/ready":
      switch readiness.current {
      case .ready: return (.ok, "ready")
      case .notReady(let reason): return (.serviceUnavailable, "not ready: \(reason)")
      }
    default: return (.notFound, "nothing here; try /ready or /alive")
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
