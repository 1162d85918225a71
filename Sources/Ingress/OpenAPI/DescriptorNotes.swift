import DynamicProtobuf
import SwiftProtobuf

/// What the files of a pool say beyond the types themselves: comments, where the source info is there, oneofs,
/// required fields, values of enums, and what is deprecated. Immutable.
struct DescriptorNotes {
  /// By the full name of a service, method, message, field or enum.
  private(set) var comments: [String: String] = [:]
  /// Full names of methods and fields.
  private(set) var deprecated: Set<String> = []
  /// The fields of each oneof of a message, by its full name; those of one field are left out.
  private(set) var oneofs: [String: [[String]]] = [:]
  /// The fields that a message cannot be without (proto2), by its full name.
  private(set) var required: [String: [String]] = [:]
  /// The names of the values of an enum in the order of their declaration, by its full name.
  private(set) var enumValues: [String: [String]] = [:]

  init(_ pool: DescriptorPool) {
    for name in pool.fileNames {
      guard let bytes = pool.file(named: name),
        let file = try? Google_Protobuf_FileDescriptorProto(serializedBytes: bytes)
      else { continue }
      add(file)
    }
  }

  /// Field numbers of `google.protobuf.FileDescriptorProto` and what is within it; paths of the source info are
  /// made of them.
  private enum Number {
    static let message: Int32 = 4
    static let fileEnum: Int32 = 5
    static let service: Int32 = 6
    static let field: Int32 = 2
    static let nestedMessage: Int32 = 3
    static let nestedEnum: Int32 = 4
    static let method: Int32 = 2
  }

  private mutating func add(_ file: Google_Protobuf_FileDescriptorProto) {
    var texts: [[Int32]: String] = [:]
    for location in file.sourceCodeInfo.location {
      let text =
        location.hasLeadingComments ? location.leadingComments : location.trailingComments
      if let text = Self.trimmed(text) { texts[location.path] = text }
    }
    let prefix = file.package.isEmpty ? "" : file.package + "."
    for (index, message) in file.messageType.enumerated() {
      add(message, prefix + message.name, [Number.message, Int32(index)], texts)
    }
    for (index, type) in file.enumType.enumerated() {
      add(type, prefix + type.name, [Number.fileEnum, Int32(index)], texts)
    }
    for (index, service) in file.service.enumerated() {
      let name = prefix + service.name
      let path = [Number.service, Int32(index)]
      comments[name] = texts[path]
      for (index, method) in service.method.enumerated() {
        comments["\(name).\(method.name)"] = texts[path + [Number.method, Int32(index)]]
        if method.options.deprecated { deprecated.insert("\(name).\(method.name)") }
      }
    }
  }

  /// Messages nest as deep as libprotobuf has allowed when it parsed them.
  private mutating func add(
    _ message: Google_Protobuf_DescriptorProto, _ name: String, _ path: [Int32],
    _ texts: [[Int32]: String]
  ) {
    comments[name] = texts[path]
    var members: [Int32: [String]] = [:]
    for (index, field) in message.field.enumerated() {
      let fieldName = "\(name).\(field.name)"
      comments[fieldName] = texts[path + [Number.field, Int32(index)]]
      if field.options.deprecated { deprecated.insert(fieldName) }
      if field.label == .required { required[name, default: []].append(field.name) }
      if field.hasOneofIndex { members[field.oneofIndex, default: []].append(field.name) }
    }
    // An optional field of proto3 is the only one of a oneof that nobody wrote.
    oneofs[name] = members.sorted { $0.key < $1.key }.map(\.value).filter { $0.count > 1 }
    for (index, nested) in message.nestedType.enumerated() {
      add(nested, "\(name).\(nested.name)", path + [Number.nestedMessage, Int32(index)], texts)
    }
    for (index, type) in message.enumType.enumerated() {
      add(type, "\(name).\(type.name)", path + [Number.nestedEnum, Int32(index)], texts)
    }
  }

  private mutating func add(
    _ type: Google_Protobuf_EnumDescriptorProto, _ name: String, _ path: [Int32],
    _ texts: [[Int32]: String]
  ) {
    comments[name] = texts[path]
    enumValues[name] = type.value.map(\.name)
  }

  /// A comment without the blank before each of its lines; `nil` for one that says nothing.
  private static func trimmed(_ comment: String) -> String? {
    let lines = comment.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      line.hasPrefix(" ") ? line.dropFirst() : line
    }
    let text = lines.joined(separator: "\n")
    guard let first = text.firstIndex(where: { !$0.isWhitespace }),
      let last = text.lastIndex(where: { !$0.isWhitespace })
    else { return nil }
    return String(text[first...last])
  }
}
