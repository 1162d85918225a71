import CloudstateModel
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import ClusterControl

/// The launcher scaler against a socket that answers as `cs-up` does (`Topologies/control-socket.md`).
@Suite struct LauncherScalerTests {
  /// Answers each line with the next of the given ones, and keeps what it was asked.
  private final class Double: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    let answers: Mutex<[String]>
    let requests = Mutex<[String]>([])

    init(_ answers: [String]) { self.answers = Mutex(answers) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let line = String(buffer: unwrapInboundIn(data))
      requests.withLock { $0.append(line) }
      let answer = answers.withLock { $0.isEmpty ? "" : $0.removeFirst() }
      context.writeAndFlush(NIOAny(ByteBuffer(string: answer)), promise: nil)
      context.close(promise: nil)
    }
  }

  private func ask<Answer: Sendable>(
    _ answers: [String], _ body: (LauncherScaler) async throws -> Answer
  ) async throws -> (Answer, [String]) {
    let folder = try TemporaryDirectory()
    let double = Double(answers)
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { $0.pipeline.addHandler(double) }
      .bind(unixDomainSocketPath: "\(folder.path)/s").get()
    let answer = try await body(
      LauncherScaler(service: try service(), socket: "\(folder.path)/s"))
    try await server.close()
    return (answer, double.requests.withLock { $0 })
  }

  @Test("It asks what there is, and for more without waiting")
  func exchange() async throws {
    let (scale, requests) = try await ask([
      "{\"version\":1,\"ok\":true,\"message\":\"m\",\"status\":0,\"nodes\":3,\"ready\":2}\n",
      "{\"version\":1,\"ok\":true,\"message\":\"m\",\"status\":0,\"nodes\":5}\n",
    ]) { scaler in
      let scale = try await scaler.observe()
      try await scaler.request(5, leaving: [])
      return scale
    }
    #expect(scale == DeploymentScale(name: "cart", ready: 2, scale: 3))
    #expect(requests.count == 2)
    for part in ["\"verb\":\"nodes\"", "\"service\":\"cart\"", "\"version\":1"] {
      #expect(requests.first?.contains(part) == true)
    }
    for part in ["\"verb\":\"scale\"", "\"nodes\":5", "\"waits\":false"] {
      #expect(requests.last?.contains(part) == true)
    }
  }

  @Test(
    "What goes wrong has a name",
    arguments: [
      ("{\"version\":1,\"ok\":false,\"message\":\"m\",\"status\":7}\n", ScalerError.Code.conflict),
      ("{\"version\":1,\"ok\":false,\"message\":\"m\",\"status\":5}\n", .notFound),
      ("{\"version\":1,\"ok\":false,\"message\":\"m\",\"status\":3}\n", .failed),
      ("{\"version\":1,\"ok\":true,\"message\":\"m\",\"status\":0}\n", .malformedAnswer),
      ("nonsense\n", .malformedAnswer), ("{\"version\":1", .unreachable),
    ])
  func failures(_ answer: String, _ code: ScalerError.Code) async throws {
    let (found, _) = try await ask([answer]) { scaler in
      await #expect(throws: ScalerError.self) { try await scaler.observe() }?.code
    }
    #expect(found == code)
  }

  @Test("Where nobody listens, that is said")
  func unreachable() async throws {
    let folder = try TemporaryDirectory()
    // Longer than the path of a socket may be.
    let path = "\(folder.path)/\(String(repeating: "x", count: 120))/s"
    let scaler = LauncherScaler(service: try service(), socket: path)
    let error = await #expect(throws: ScalerError.self) { try await scaler.request(2, leaving: []) }
    #expect(error?.code == .unreachable)
    #expect(error?.message.contains("is cs-up running?") == true)
  }
}
