import SwiftProtobuf

/// Short forms for building descriptors in tests.

typealias FileProto = Google_Protobuf_FileDescriptorProto
typealias FieldProto = Google_Protobuf_FieldDescriptorProto

func makeFile(
  _ name: String, package: String = "test", imports: [String] = [],
  messages: [Google_Protobuf_DescriptorProto] = [],
  services: [Google_Protobuf_ServiceDescriptorProto] = []
) -> FileProto {
  .with {
    $0.name = name
    $0.package = package
    $0.syntax = "proto3"
    $0.dependency = imports
    $0.messageType = messages
    $0.service = services
  }
}

func makeMessage(_ name: String, _ fields: FieldProto...) -> Google_Protobuf_DescriptorProto {
  .with {
    $0.name = name
    $0.field = fields
  }
}

func makeField(
  _ name: String, _ number: Int32, _ type: FieldProto.TypeEnum = .string,
  typeName: String? = nil, repeated: Bool = false
) -> FieldProto {
  .with {
    $0.name = name
    $0.number = number
    $0.type = type
    $0.label = repeated ? .repeated : .optional
    if let typeName { $0.typeName = typeName }
  }
}

func makeService(
  _ name: String, _ methods: (name: String, input: String, output: String)...
) -> Google_Protobuf_ServiceDescriptorProto {
  .with {
    $0.name = name
    $0.method = methods.map { method in
      .with {
        $0.name = method.name
        $0.inputType = method.input
        $0.outputType = method.output
      }
    }
  }
}

extension Message {
  /// The serialized form; test data that cannot be serialized is a mistake in the test.
  func bytes() throws -> [UInt8] { try serializedBytes() }
}

func makeSet(_ files: FileProto...) throws -> [UInt8] {
  try Google_Protobuf_FileDescriptorSet.with { $0.file = files }.bytes()
}
