import CloudstateProtocol
import GRPCTransport
import NIOCore
import NIOHTTP1
import NIOPosix
import SwiftProtobuf

@testable import CompatibilityKit

/// Answers requests over HTTP/1.1 by a closure that gets path and body.
typealias HTTPPuppet = @Sendable (String, String) async -> HTTPAnswer

/// Serves over HTTP at a path in the file system until the channel is closed.
func startHTTPServer(socket: String, _ puppet: @escaping HTTPPuppet) async throws -> any Channel {
  try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
    .childChannelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        try channel.pipeline.syncOperations.configureHTTPServerPipeline()
        try channel.pipeline.syncOperations.addHandler(HTTPPuppetHandler(puppet))
      }
    }
    .bind(unixDomainSocketPath: socket, cleanupExistingSocketFile: true).get()
}

private final class HTTPPuppetHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let puppet: HTTPPuppet
  private var path = ""
  private var body = ""

  init(_ puppet: @escaping HTTPPuppet) { self.puppet = puppet }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): path = "\(head.method) \(head.uri)"
    case .body(let bytes): body += String(buffer: bytes)
    case .end:
      let (channel, path, body, puppet) = (context.channel, path, body, puppet)
      Task {
        let answer = await puppet(path, body)
        var head = HTTPResponseHead(
          version: .http1_1, status: HTTPResponseStatus(statusCode: answer.status))
        head.headers.add(name: "content-type", value: answer.contentType)
        head.headers.add(name: "content-length", value: "\(answer.body.utf8.count)")
        let content = ByteBuffer(string: answer.body)
        channel.write(HTTPServerResponsePart.head(head), promise: nil)
        channel.write(HTTPServerResponsePart.body(.byteBuffer(content)), promise: nil)
        try? await channel.writeAndFlush(HTTPServerResponsePart.end(nil)).get()
      }
    }
  }
}

/// A proxy's part for the entities of a model: keeps their streams open, and rebuilds one that asks for
/// it.
actor EntityPuppet<Messages: EntityMessages> {
  private let function: GRPCAsyncClient
  private let entityID: String
  private let events: @Sendable (Messages.Output) -> [String]
  private let action: @Sendable (Messages.Output) -> Cloudstate_ClientAction
  private var streams: [ServiceRole: Stream] = [:]

  private struct Stream {
    let call: GRPCBidirectionalCall
    var commandID: Int64 = 0
    var events: [String] = []
  }

  init(
    _: Messages.Type, function: GRPCAsyncClient, entityID: String,
    events: @escaping @Sendable (Messages.Output) -> [String],
    action: @escaping @Sendable (Messages.Output) -> Cloudstate_ClientAction
  ) {
    self.function = function
    self.entityID = entityID
    self.events = events
    self.action = action
  }

  /// Has a command carried out, and answers as HTTP does.
  func run(_ role: ServiceRole, payload: Google_Protobuf_Any) async throws -> HTTPAnswer {
    var stream = streams[role] ?? open(role, events: [])
    stream.commandID += 1
    var command = Cloudstate_Command()
    command.entityID = entityID
    command.id = stream.commandID
    command.name = role.methodName
    command.payload = payload
    stream.call.send(Messages.input(command).encoded)
    var answers = stream.call.messages.makeAsyncIterator()
    guard let bytes = try await answers.next() else {
      return HTTPAnswer(status: 502, contentType: "text/plain", body: "no answer")
    }
    let output = try Messages.Output(decoding: bytes)
    stream.events += events(output)
    if Messages.asksForRestart(output) {
      stream.call.finishSending()
      _ = try await answers.next()
      stream = open(role, events: stream.events)
    }
    streams[role] = stream
    let action = action(output)
    if case .failure(let failure) = action.action {
      return HTTPAnswer(status: 500, contentType: "text/plain", body: failure.description_p)
    }
    let text = Messages.vocabulary.response.text(action.reply.payload) ?? ""
    return HTTPAnswer(
      status: 200, contentType: "application/json", body: "{\"message\":\"\(text)\"}")
  }

  private func open(_ role: ServiceRole, events: [String]) -> Stream {
    let call = function.bidirectional(path: Messages.path)
    let service = Messages.service(role)
    call.send(Messages.start(EntityStart(), service: service, entityID: entityID).encoded)
    for (index, value) in events.enumerated() {
      call.send(Messages.event(sequence: Int64(index + 1), value: value).encoded)
    }
    return Stream(call: call, events: events)
  }
}
