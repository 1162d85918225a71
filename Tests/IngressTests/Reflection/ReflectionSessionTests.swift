import CloudstateProtocol
import DynamicProtobuf
import Ingress
import SwiftProtobuf
import Testing

@Suite("Reflection")
struct ReflectionSessionTests {
  typealias Request = Grpc_Reflection_V1alpha_ServerReflectionRequest

  private let pool: DescriptorPool
  private var session: ReflectionSession

  init() throws {
    pool = try DescriptorPool(fileDescriptorSet: WellKnownDescriptors.fileDescriptorSet)
    session = ReflectionSession(pool: pool, services: ["shop.Cart", "a.Service"])
  }

  private mutating func fileNames(_ request: Request.OneOf_MessageRequest) throws -> [String] {
    let response = session.answer(.with { $0.messageRequest = request })
    guard case .fileDescriptorResponse(let files) = response.messageResponse else {
      Issue.record("no file response: \(response)")
      return []
    }
    return try files.fileDescriptorProto.map {
      try Google_Protobuf_FileDescriptorProto(serializedBytes: $0).name
    }
  }

  @Test("services are listed after reflection itself, sorted, whatever the argument")
  mutating func listing() {
    for text in ["", "nonsense.blabla."] {
      let request = Request.with {
        $0.host = "host:9000"
        $0.listServices = text
      }
      let response = session.answer(request)
      #expect(response.validHost == "host:9000")
      #expect(response.originalRequest == request)
      #expect(
        response.listServicesResponse.service.map(\.name) == [
          "grpc.reflection.v1alpha.ServerReflection", "a.Service", "shop.Cart",
        ])
    }
  }

  @Test("what is unknown has an empty file response, not an error")
  mutating func unknown() throws {
    #expect(try fileNames(.fileContainingSymbol("nonsense.blabla.Void")) == [])
    #expect(try fileNames(.fileByFilename("nonsense.proto")) == [])
    let request = Grpc_Reflection_V1alpha_ExtensionRequest.with { $0.containingType = "no.Type" }
    #expect(try fileNames(.fileContainingExtension(request)) == [])
  }

  @Test("a file comes with its imports, and each file once on a stream")
  mutating func sentOnce() throws {
    #expect(
      try fileNames(.fileContainingSymbol("cloudstate.EntityDiscovery.discover")) == [
        "cloudstate/entity.proto", "google/protobuf/any.proto", "google/protobuf/empty.proto",
        "google/protobuf/descriptor.proto",
      ])
    #expect(
      try fileNames(.fileByFilename("cloudstate/action.proto")) == ["cloudstate/action.proto"])
    #expect(try fileNames(.fileByFilename("cloudstate/entity.proto")) == [])
    var other = ReflectionSession(pool: pool, services: [])
    let again = other.answer(.with { $0.fileByFilename = "cloudstate/entity.proto" })
    #expect(again.fileDescriptorResponse.fileDescriptorProto.count == 4)
  }

  @Test("extensions lead to their file, and a type to its extension numbers")
  mutating func extensions() throws {
    let request = Grpc_Reflection_V1alpha_ExtensionRequest.with {
      $0.containingType = "google.protobuf.FieldOptions"
      $0.extensionNumber = 1080
    }
    #expect(
      try fileNames(.fileContainingExtension(request)) == [
        "cloudstate/entity_key.proto", "google/protobuf/descriptor.proto",
      ])
    let numbers = session.answer(
      .with { $0.allExtensionNumbersOfType = "google.protobuf.MethodOptions" }
    ).allExtensionNumbersResponse
    #expect(numbers.baseTypeName == "google.protobuf.MethodOptions")
    #expect(numbers.extensionNumber == [1081, 72_295_728])
  }

  @Test("a request for nothing is an error answer")
  mutating func nothing() {
    let response = session.answer(Request())
    #expect(response.errorResponse.errorCode == 3)
  }

  @Test("the second pool answers only what the first does not know")
  mutating func ownPool() throws {
    let message = Google_Protobuf_FileDescriptorProto.with {
      $0.name = "cloudstate/entity.proto"
      $0.package = "cloudstate"
      $0.messageType = [.with { $0.name = "Extra" }]
    }
    let own = try DescriptorPool(files: [message.serializedBytes()])
    session = ReflectionSession(pool: pool, services: [], ownPool: own)
    #expect(try fileNames(.fileContainingSymbol("cloudstate.Extra")) == ["cloudstate/entity.proto"])
    session = ReflectionSession(pool: pool, services: [], ownPool: own)
    #expect(try fileNames(.fileByFilename("cloudstate/entity.proto")).count == 4)
  }

  @Test("A hidden service is as unknown as one that there is not, in whatever file it stands")
  mutating func hidden() throws {
    func file(_ name: String, _ services: [String], imports: [String] = []) throws -> [UInt8] {
      try Google_Protobuf_FileDescriptorProto.with {
        $0.name = name
        $0.package = "p"
        $0.dependency = imports
        $0.messageType = [.with { $0.name = "Of" + services.joined() }]
        $0.service = services.map { service in .with { $0.name = service } }
      }.serializedBytes()
    }
    let pool = try DescriptorPool(files: [
      file("types.proto", []), file("mixed.proto", ["Seen", "Unseen"], imports: ["types.proto"]),
      file("secret.proto", ["Secret"]),
    ])
    let own = try DescriptorPool(files: [file("own.proto", ["Own"])])
    session = ReflectionSession(
      pool: pool, services: ["p.Seen"], hiding: ["p.Unseen", "p.Secret"], ownPool: own)
    let list = session.answer(.with { $0.listServices = "" }).listServicesResponse
    #expect(list.service.map(\.name) == [ReflectionSession.serviceName, "p.Seen"])
    for unknown in ["p.Unseen", "p.Unseen.Method", "p.Secret", "p.OfSecret", "p.Nothing"] {
      #expect(try fileNames(.fileContainingSymbol(unknown)) == [], "\(unknown)")
    }
    #expect(try fileNames(.fileByFilename("secret.proto")) == [])
    #expect(try fileNames(.fileContainingSymbol("p.Own")) == ["own.proto"])
    let answer = session.answer(.with { $0.fileContainingSymbol = "p.Seen" })
    let files = try answer.fileDescriptorResponse.fileDescriptorProto.map {
      try Google_Protobuf_FileDescriptorProto(serializedBytes: $0)
    }
    #expect(files.map(\.name) == ["mixed.proto", "types.proto"])
    #expect(files.first?.service.map(\.name) == ["Seen"])
  }
}
