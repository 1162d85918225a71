import SwiftProtobuf

@testable import CloudstateSDK

/// A service for ``descriptors(of:)``. Its messages are well-known wrappers.
struct DescribedService {
  let name: String
  var methods: [(name: String, input: String, output: String, shape: MethodShape)]
}

/// Serialized descriptors of services in the package `test`.
func descriptors(of services: DescribedService...) throws -> [UInt8] {
  var file = Google_Protobuf_FileDescriptorProto()
  file.name = "services.proto"
  file.package = "test"
  file.service = services.map { described in
    var service = Google_Protobuf_ServiceDescriptorProto()
    service.name = described.name
    service.method = described.methods.map { method in
      .with {
        $0.name = method.name
        $0.inputType = ".google.protobuf.\(method.input)"
        $0.outputType = ".google.protobuf.\(method.output)"
        $0.clientStreaming = method.shape == .streamedIn || method.shape == .streamed
        $0.serverStreaming = method.shape == .streamedOut || method.shape == .streamed
      }
    }
    return service
  }
  var set = Google_Protobuf_FileDescriptorSet()
  set.file = [file]
  return try set.serializedBytes()
}

/// A text as a command, reply or state.
func text(_ value: String) -> Google_Protobuf_StringValue { Google_Protobuf_StringValue(value) }
