import CloudstateProtocol
import SwiftProtobuf

/// Makes descriptor files from bytes: each byte chooses a part that is right, or wrong in a way that only the rules
/// of the language find. Damaged bytes seldom get that far.
struct DescriptorProgram {
  private static let maximumDepth = 3
  private static let packages = ["test", "", "a.b", "test.M0"]
  private static let names = ["a", "b", "key", "value", "_x", "A_b", "aB", "M0", "", "a b"]
  private static let typeNames = [
    ".test.M0", ".test.M1", "M0", ".google.protobuf.Any", ".test.E0", "", ".test.M0.M0",
    ".google.protobuf.Timestamp", ".test.M0.AEntry", ".a.b.M0", ".google.protobuf.Struct", "E0",
  ]
  private static let numbers: [Int32] = [1, 2, 3, 4, 15, 16, 100, 150, 19_000, 536_870_911, 0, -1]
  private static let defaults = ["1", "-1", "x", "nan", "1e400", "\\x", "true", "A", ""]
  private static let templates = ["/a/{a}", "/{a.b}", "/{key=x/*}:v", "a", "/{a}/{a}", "/**"]

  private var input: FuzzInput

  init(_ input: FuzzInput) { self.input = input }

  /// The serialized set of files.
  mutating func fileDescriptorSet() throws -> [UInt8] {
    let count = 1 + input.number(below: 3)
    let files = (0..<count).map { file($0) }
    return try Google_Protobuf_FileDescriptorSet.with { $0.file = files }.serializedBytes()
  }

  private mutating func choose<Element>(_ elements: [Element]) -> Element {
    elements[input.number(below: elements.count)]
  }

  private mutating func file(_ index: Int) -> Google_Protobuf_FileDescriptorProto {
    var file = Google_Protobuf_FileDescriptorProto()
    file.name = "f\(index).proto"
    file.package = choose(Self.packages)
    file.syntax = choose(["proto3", "proto2", "", "proto4"])
    file.dependency = [
      "google/protobuf/any.proto", "google/protobuf/timestamp.proto",
      "google/protobuf/struct.proto",
    ]
    let shape = input.byte()
    if shape & 1 != 0 { file.dependency.append("f\(input.number(below: 3)).proto") }
    if shape & 2 != 0 { file.publicDependency = [Int32(Int8(bitPattern: input.byte()))] }
    if shape & 4 != 0 { file.weakDependency = [Int32(Int8(bitPattern: input.byte()))] }
    for index in 0..<input.number(below: 4) { file.messageType.append(message("M\(index)", 0)) }
    for index in 0..<input.number(below: 3) { file.enumType.append(enumeration("E\(index)")) }
    for _ in 0..<input.number(below: 3) { file.extension.append(extensionField()) }
    for index in 0..<input.number(below: 3) { file.service.append(service("S\(index)")) }
    return file
  }

  private mutating func message(_ name: String, _ depth: Int) -> Google_Protobuf_DescriptorProto {
    var message = Google_Protobuf_DescriptorProto()
    message.name = name
    for _ in 0..<input.number(below: 6) { message.field.append(field()) }
    let shape = input.byte()
    if shape & 1 != 0 { message.oneofDecl = [.with { $0.name = "choice" }] }
    if shape & 2 != 0 { message.oneofDecl.append(.with { $0.name = "_a" }) }
    if shape & 4 != 0 { message.options.mapEntry = true }
    if shape & 8 != 0 { message.options.messageSetWireFormat = true }
    if shape & 16 != 0 {
      let start = choose(Self.numbers)
      let end = choose(Self.numbers)
      message.extensionRange = [
        .with {
          $0.start = start
          $0.end = end
        }
      ]
    }
    if shape & 32 != 0 {
      message.field += entryFields()
    }
    if shape & 64 != 0 { message.reservedName = [choose(Self.names)] }
    if depth < Self.maximumDepth {
      for index in 0..<input.number(below: 3) {
        let name = index == 0 ? "M0" : "AEntry"
        message.nestedType.append(self.message(name, depth + 1))
      }
    }
    return message
  }

  /// What the entry of a map has, mostly.
  private mutating func entryFields() -> [Google_Protobuf_FieldDescriptorProto] {
    var key = field()
    key.name = "key"
    key.number = 1
    var value = field()
    value.name = "value"
    value.number = 2
    return [key, value]
  }

  private mutating func field() -> Google_Protobuf_FieldDescriptorProto {
    var field = Google_Protobuf_FieldDescriptorProto()
    field.name = choose(Self.names)
    field.number = choose(Self.numbers)
    field.type = .init(rawValue: 1 + input.number(below: 18)) ?? .int32
    field.label = choose([.optional, .repeated, .required])
    if field.type == .message || field.type == .group || field.type == .enum {
      field.typeName = choose(Self.typeNames)
    }
    let shape = input.byte()
    if shape & 1 != 0 { field.oneofIndex = Int32(input.number(below: 4)) - 1 }
    if shape & 2 != 0 { field.proto3Optional = true }
    if shape & 4 != 0 { field.defaultValue = choose(Self.defaults) }
    if shape & 8 != 0 { field.options.packed = shape & 0x80 != 0 }
    if shape & 16 != 0 { field.jsonName = choose(Self.names) }
    if shape & 32 != 0 { field.options.Cloudstate_entityKey = true }
    if shape & 64 != 0 { field.typeName = choose(Self.typeNames) }
    return field
  }

  private mutating func extensionField() -> Google_Protobuf_FieldDescriptorProto {
    var field = field()
    field.extendee = choose(Self.typeNames)
    return field
  }

  private mutating func enumeration(_ name: String) -> Google_Protobuf_EnumDescriptorProto {
    var type = Google_Protobuf_EnumDescriptorProto()
    type.name = name
    for _ in 0..<input.number(below: 4) {
      let name = choose(["ZERO", "ONE", "M0", ""])
      let number = choose(Self.numbers)
      type.value.append(
        .with {
          $0.name = name
          $0.number = number
        })
    }
    if input.byte() & 1 != 0 { type.options.allowAlias = true }
    return type
  }

  private mutating func service(_ name: String) -> Google_Protobuf_ServiceDescriptorProto {
    var service = Google_Protobuf_ServiceDescriptorProto()
    service.name = name
    for index in 0..<input.number(below: 3) {
      var method = Google_Protobuf_MethodDescriptorProto()
      method.name = "Do\(index)"
      method.inputType = choose(Self.typeNames)
      method.outputType = choose(Self.typeNames)
      let shape = input.byte()
      method.serverStreaming = shape & 1 != 0
      if shape & 2 != 0 {
        let template = choose(Self.templates)
        let body = choose(["", "*", "a", "b"])
        method.options.Google_Api_http = .with {
          $0.post = template
          $0.body = body
          $0.responseBody = shape & 4 == 0 ? "" : "a"
        }
      }
      service.method.append(method)
    }
    return service
  }
}
