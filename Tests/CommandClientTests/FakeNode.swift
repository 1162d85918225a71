import CloudstateProtocol
import CommandClient
import CommandLineKit
import FoundationEssentials
import GRPCTransport
import Logging
import NIOCore
import NIOPosix
import SwiftProtobuf
import Synchronization

/// What a scripted node answers to one command.
struct ScriptedAnswer: Sendable {
  var status = GRPCStatus.ok
  var trailers: [String: String] = [:]
}

/// What a scripted node does with one tail call: messages, then an end or an open stream.
struct ScriptedTail: Sendable {
  var responses: [Cloudstate_Streams_TailResponse]
  var end: GRPCStatus?
}

/// A node in this process: reflection, one command `test.Cart/Add`, and event streams by script.
final class FakeNode: GRPCServerRouter {
  struct Script: Sendable {
    var onCommand: @Sendable (_ key: String?, _ call: Int) -> ScriptedAnswer = { _, _ in
      ScriptedAnswer()
    }
    var onTail: @Sendable (Cloudstate_Streams_TailRequest, _ call: Int) -> ScriptedTail = { _, _ in
      ScriptedTail(responses: [], end: .ok)
    }
  }

  struct Record: Sendable {
    var keys: [String?] = []
    var payloads: [[UInt8]] = []
    var tails: [Cloudstate_Streams_TailRequest] = []
  }

  private let script: Script
  private let state = Mutex(Record())

  init(_ script: Script = Script()) { self.script = script }

  /// What was asked so far.
  var record: Record { state.withLock { $0 } }

  /// Serves while `body` runs.
  func serve<Value>(_ body: (GRPCAddress) async throws -> Value) async throws -> Value {
    let server = try await GRPCServer.start(
      configuration: GRPCServerConfiguration(address: .tcp(host: "127.0.0.1", port: 0)),
      router: self, group: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "fake"))
    let address = GRPCAddress.tcp(host: "127.0.0.1", port: server.localAddress.port ?? 0)
    do {
      let value = try await body(address)
      await server.shutdown(grace: .zero)
      return value
    } catch {
      await server.shutdown(grace: .zero)
      throw error
    }
  }

  func handler(for call: any GRPCServerCall) -> (any GRPCServerCallHandler)? {
    switch call.path {
    case "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo":
      return FakeHandler { message in
        Self.reflect(message, call)
      } onEnd: {
        call.finish(.ok)
      }
    case "/test.Cart/Add":
      return FakeHandler { message in self.command(message, call) }
    case "/cloudstate.streams.EventStreams/tail":
      return FakeHandler { message in self.tail(message, call) }
    case "/cloudstate.streams.EventStreams/describe":
      return FakeHandler { _ in
        call.send(Cloudstate_Streams_DescribeResponse.with { $0.service = "cart" }.encoded)
        call.finish(.ok)
      }
    default: return nil
    }
  }

  private func command(_ message: ByteBuffer, _ call: any GRPCServerCall) {
    let key = call.metadata["idempotency-key"]
    let number = state.withLock { record in
      record.keys.append(key)
      record.payloads.append(Array(message.readableBytesView))
      return record.keys.count
    }
    let answer = script.onCommand(key, number)
    var trailers = GRPCMetadata()
    for (name, value) in answer.trailers { trailers.add(name, value) }
    if answer.status.code == .ok {
      // Reply { text: "done" }
      call.send(ByteBuffer(bytes: [0x0a, 4] + Array("done".utf8)))
    }
    call.finish(answer.status, trailers: trailers)
  }

  private func tail(_ message: ByteBuffer, _ call: any GRPCServerCall) {
    guard let request = try? Cloudstate_Streams_TailRequest(decoding: message) else {
      return call.finish(GRPCStatus(.invalidArgument, "unreadable"))
    }
    let number = state.withLock { record in
      record.tails.append(request)
      return record.tails.count
    }
    let tail = script.onTail(request, number)
    for response in tail.responses { call.send(response.encoded) }
    if let end = tail.end { call.finish(end) }
  }

  private static func reflect(_ message: ByteBuffer, _ call: any GRPCServerCall) {
    typealias Request = Grpc_Reflection_V1alpha_ServerReflectionRequest
    guard let request = try? Request(decoding: message) else { return }
    let response = Grpc_Reflection_V1alpha_ServerReflectionResponse.with { response in
      response.originalRequest = request
      switch request.messageRequest {
      case .listServices:
        response.listServicesResponse.service = [
          "grpc.reflection.v1alpha.ServerReflection", "test.Cart", "test.Unknown",
        ].map { name in .with { $0.name = name } }
      case .fileContainingSymbol("test.Cart"):
        // The file alone: its import must be asked for by name.
        response.fileDescriptorResponse.fileDescriptorProto = [serviceFile]
      case .fileByFilename("messages.proto"):
        response.fileDescriptorResponse.fileDescriptorProto = [messagesFile]
      default: response.fileDescriptorResponse = .init()
      }
    }
    call.send(response.encoded)
  }

  private static let messagesFile = file("messages.proto") { file in
    file.messageType = [
      message("Add", [("user_id", .string), ("quantity", .int32)]),
      message("Reply", [("text", .string)]),
    ]
  }

  private static let serviceFile = file("cart.proto") { file in
    file.dependency = ["messages.proto"]
    file.service = [
      .with {
        $0.name = "Cart"
        $0.method = [
          .with {
            $0.name = "Add"
            $0.inputType = ".test.Add"
            $0.outputType = ".test.Reply"
          }
        ]
      }
    ]
  }

  private static func file(
    _ name: String, _ fill: (inout Google_Protobuf_FileDescriptorProto) -> Void
  ) -> Data {
    var file = Google_Protobuf_FileDescriptorProto()
    file.name = name
    file.package = "test"
    file.syntax = "proto3"
    fill(&file)
    let bytes: [UInt8] = (try? file.serializedBytes()) ?? []
    return Data(bytes)
  }

  private static func message(
    _ name: String, _ fields: [(String, Google_Protobuf_FieldDescriptorProto.TypeEnum)]
  ) -> Google_Protobuf_DescriptorProto {
    .with {
      $0.name = name
      $0.field = fields.enumerated().map { index, field in
        .with {
          $0.name = field.0
          $0.number = Int32(index + 1)
          $0.label = .optional
          $0.type = field.1
        }
      }
    }
  }
}

private final class FakeHandler: GRPCServerCallHandler {
  private let onMessage: (ByteBuffer) -> Void
  private let onEnd: () -> Void

  init(_ onMessage: @escaping (ByteBuffer) -> Void, onEnd: @escaping () -> Void = {}) {
    self.onMessage = onMessage
    self.onEnd = onEnd
  }

  func receive(_ message: ByteBuffer) { onMessage(message) }
  func receiveEnd() { onEnd() }
  func writabilityChanged(_ isWritable: Bool) {}
  func cancelled(_ status: GRPCStatus) {}
}

/// An event as a node sends it.
func tailResponse(
  _ shard: UInt32, _ position: UInt64, _ index: UInt32 = 0, last: Bool = true
) -> Cloudstate_Streams_TailResponse {
  .with {
    $0.event.shard = shard
    $0.event.position = position
    $0.event.index = index
    $0.event.lastOfBatch = last
    $0.event.json = "{}"
  }
}

/// Progress as a node sends it.
func tailProgress(_ shard: UInt32, _ position: UInt64) -> Cloudstate_Streams_TailResponse {
  .with {
    $0.progress.cursors = [
      .with {
        $0.shard = shard
        $0.position = position
      }
    ]
  }
}

/// An address where nobody listens.
let deadAddress = GRPCAddress.tcp(host: "127.0.0.1", port: 1)

/// A session with these servers.
func testSession(_ addresses: GRPCAddress..., timeout: Duration = .seconds(10)) -> ClientSession {
  ClientSession(addresses: addresses, timeout: timeout)
}
