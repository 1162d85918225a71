import CloudstateProtocol
import DynamicProtobuf
import GRPCTransport
import Ingress
import NIOCore
import NIOEmbedded
import SwiftProtobuf
import Testing

@Suite("Reflection calls")
struct ReflectionServiceTests {
  private typealias Response = Grpc_Reflection_V1alpha_ServerReflectionResponse

  private let service: ReflectionService

  init() throws {
    service = ReflectionService(
      pool: try DescriptorPool(files: []), services: ["shop.Cart"])
  }

  private func request(
    _ change: (inout Grpc_Reflection_V1alpha_ServerReflectionRequest) -> Void
  ) -> ByteBuffer {
    Grpc_Reflection_V1alpha_ServerReflectionRequest.with(change).encoded
  }

  @Test(
    "both versions are served under their paths",
    arguments: ["grpc.reflection.v1alpha", "grpc.reflection.v1"])
  func paths(package: String) throws {
    let call = RecordedCall("/\(package).ServerReflection/ServerReflectionInfo")
    let handler = try #require(service.handler(for: call))
    handler.receive(request { $0.listServices = "" })
    handler.receiveEnd()
    #expect(call.status == .ok)
    let response = try Response(decoding: #require(call.sent.first))
    #expect(response.listServicesResponse.service.map(\.name).last == "shop.Cart")
  }

  @Test("other paths are not served")
  func otherPaths() {
    #expect(service.handler(for: RecordedCall("/shop.Cart/Add")) == nil)
    #expect(service.handler(for: RecordedCall("/grpc.reflection.v1.ServerReflection/X")) == nil)
  }

  @Test("the listed reflection service can itself be described")
  func describesItself() throws {
    let call = RecordedCall("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
    let handler = try #require(service.handler(for: call))
    handler.receive(request { $0.fileContainingSymbol = ReflectionSession.serviceName })
    let response = try Response(decoding: #require(call.sent.first))
    #expect(response.fileDescriptorResponse.fileDescriptorProto.count == 1)
  }

  @Test("the health service is not listed, but can be described")
  func describesHealth() throws {
    let call = RecordedCall("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
    let handler = try #require(service.handler(for: call))
    handler.receive(request { $0.fileContainingSymbol = "grpc.health.v1.Health" })
    let response = try Response(decoding: #require(call.sent.first))
    #expect(response.fileDescriptorResponse.fileDescriptorProto.count == 1)
    handler.receive(request { $0.listServices = "" })
    let list = try Response(decoding: #require(call.sent.last))
    #expect(
      list.listServicesResponse.service.map(\.name) == [
        "grpc.reflection.v1alpha.ServerReflection", "shop.Cart",
      ])
  }

  @Test("a message that is no request ends the call, and later ones are ignored")
  func malformed() throws {
    let call = RecordedCall("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
    let handler = try #require(service.handler(for: call))
    handler.receive(ByteBuffer(bytes: [0x0a, 9]))
    #expect(call.status?.code == .invalidArgument)
    handler.receive(request { $0.listServices = "" })
    handler.receiveEnd()
    #expect(call.sent.isEmpty)
    #expect(call.finishes == 1)
  }

  @Test("a client that does not read is not read from")
  func backPressure() throws {
    let call = RecordedCall("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
    let handler = try #require(service.handler(for: call))
    call.isWritable = false
    handler.receive(request { $0.listServices = "" })
    #expect(call.isReading == false)
    call.isWritable = true
    handler.writabilityChanged(true)
    #expect(call.isReading == true)
    handler.cancelled(GRPCStatus(.cancelled))
    handler.receiveEnd()
    #expect(call.finishes == 0)
  }
}
