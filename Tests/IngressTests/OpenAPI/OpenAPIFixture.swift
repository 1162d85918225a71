import CloudstateProtocol
import DynamicProtobuf
import SwiftProtobuf

@testable import Ingress

/// A file with everything a document can say, in protobuf text format.
enum OpenAPIFixture {
  static func document(
    _ files: [String] = [things, other], services: [String] = ["d.Things"]
  ) throws -> OpenAPIDocument {
    var set = Google_Protobuf_FileDescriptorSet()
    for text in files {
      set.file.append(
        try Google_Protobuf_FileDescriptorProto(
          textFormatString: text, extensions: Google_Api_Annotations_Extensions))
    }
    let pool = try DescriptorPool(
      fileDescriptorSet: set.serializedBytes(), supplying: WellKnownDescriptors.fileDescriptorSet)
    return OpenAPIDocument(try HTTPBindings(pool: pool, services: services))
  }

  private static func field(
    _ name: String, _ number: Int, _ type: String, _ more: String = ""
  ) -> String {
    let kind = type.hasPrefix(".") ? "MESSAGE type_name: \"\(type)\"" : type
    let label = more.contains("label:") ? "" : "label: LABEL_OPTIONAL"
    return "field { name: \"\(name)\" number: \(number) type: TYPE_\(kind) \(label) \(more) }"
  }

  private static let repeated = "label: LABEL_REPEATED"
  private static let scalars = [
    "double", "float", "int64", "uint64", "int32", "fixed64", "fixed32", "bool", "string", "bytes",
    "uint32", "sfixed32", "sfixed64", "sint32", "sint64",
  ]
  private static let wellKnown = [
    "Timestamp", "Duration", "FieldMask", "Struct", "Value", "ListValue", "Any", "Empty",
    "DoubleValue",
    "FloatValue", "Int64Value", "UInt64Value", "Int32Value", "UInt32Value", "BoolValue",
    "StringValue",
    "BytesValue",
  ]

  private static func method(
    _ name: String, _ input: String, _ output: String, _ rule: String, _ more: String = ""
  ) -> String {
    """
    method {
      name: "\(name)" input_type: "\(input)" output_type: "\(output)"
      options { \(rule.isEmpty ? "" : "[google.api.http] { \(rule) }") \(more.contains("deprecated") ? more : "") }
      \(more.contains("deprecated") ? "" : more)
    }
    """
  }

  /// A service `w.S` whose request has more scalar fields and messages within messages than a document shows.
  static let wide = """
    name: "w.proto" package: "w" syntax: "proto3" dependency: "google/api/annotations.proto"
    \((0..<5).map { level in
      """
      message_type {
        name: "M\(level)"
        \((1...40).map { field("m\($0)", $0, level < 4 ? ".w.M\(level + 1)" : "STRING") }.joined(separator: " "))
      }
      """
    }.joined(separator: " "))
    message_type {
      name: "Flat" \((1...300).map { field("f\($0)", $0, "INT32") }.joined(separator: " "))
    }
    service {
      name: "S" \(method("Flat", ".w.Flat", ".w.Flat", "get: '/flat'"))
      \(method("Deep", ".w.M0", ".w.M0", "get: '/deep'"))
    }
    """

  static let things = """
    name: "d.proto" package: "d" syntax: "proto3" dependency: "google/api/annotations.proto"
    dependency: "google/api/httpbody.proto" dependency: "other.proto"
    \(["timestamp", "duration", "field_mask", "wrappers", "struct", "any", "empty"]
      .map { "dependency: \"google/protobuf/\($0).proto\"" }.joined(separator: " "))
    enum_type {
      name: "Color" value { name: "COLOR_NONE" number: 0 } value { name: "RED" number: 7 }
      value { name: "ROT" number: 7 } options { allow_alias: true }
    }
    message_type {
      name: "Scalars"
      \(scalars.enumerated().map { field("a_\($1)", $0 + 1, $1.uppercased()) }.joined(separator: "\n"))
    }
    message_type {
      name: "Known"
      \(wellKnown.enumerated().map {
        field("a\($1.lowercased())", $0 + 1, ".google.protobuf.\($1)")
      }.joined(separator: "\n"))
    }
    message_type {
      name: "Thing"
      \(field("id", 1, "STRING")) \(field("color", 2, "ENUM", "type_name: \".d.Color\""))
      \(field("shades", 3, "ENUM", "type_name: \".d.Color\" \(repeated)"))
      \(field("parent", 4, ".d.Thing")) \(field("parts", 5, ".d.Thing", repeated))
      \(field("by_name", 6, ".d.Thing.ByNameEntry", repeated))
      \(field("counts", 7, ".d.Thing.CountsEntry", repeated))
      \(field("as_text", 8, "STRING", "oneof_index: 0")) \(field("as_number", 9, "INT32", "oneof_index: 0"))
      \(field("as_scalars", 10, ".d.Scalars", "oneof_index: 0"))
      \(field("note", 11, "STRING", "oneof_index: 1 proto3_optional: true"))
      \(field("old_name", 12, "STRING", "options { deprecated: true }"))
      \(field("level", 13, "ENUM", "type_name: \".d.Thing.Level\"")) \(field("known", 14, ".d.Known"))
      \(field("null", 15, "ENUM", "type_name: \".google.protobuf.NullValue\""))
      \(field("legacy", 16, ".o.Legacy"))
      oneof_decl { name: "form" } oneof_decl { name: "_note" }
      enum_type { name: "Level" value { name: "LOW" number: 0 } }
      nested_type {
        name: "ByNameEntry" options { map_entry: true }
        \(field("key", 1, "STRING")) \(field("value", 2, ".d.Thing"))
      }
      nested_type {
        name: "CountsEntry" options { map_entry: true }
        \(field("key", 1, "INT32")) \(field("value", 2, "INT64"))
      }
    }
    message_type { name: "Upload" \(field("id", 1, "STRING")) \(field("file", 2, ".google.api.HttpBody")) }
    service {
      name: "Things"
      \(method("Get", ".d.Thing", ".d.Thing", "get: '/things/{id}' additional_bindings { get: '/things/{id}/parts' response_body: 'parts' } additional_bindings { get: '/colors/{id}' response_body: 'color' }"))
      \(method("Put", ".d.Thing", ".google.protobuf.Empty", "put: '/things/{id}' body: 'parent'"))
      \(method("Old", ".d.Thing", ".d.Thing", "", "deprecated: true"))
      \(method("Scan", ".d.Scalars", ".d.Known", "get: '/scan/{a_int64}/{a_string=shelves/*/books/*}:all'"))
      \(method("Rest", ".d.Thing", ".d.Thing", "delete: '/rest/{parent.id=**}'"))
      \(method("Watch", ".d.Thing", ".d.Thing", "get: '/watch'", "server_streaming: true"))
      \(method("Upload", ".d.Upload", ".google.api.HttpBody", "post: '/up/{id}' body: 'file'"))
      \(method("Send", ".google.api.HttpBody", ".d.Upload", "post: '/send' body: '*' additional_bindings { patch: '/send' body: '*' response_body: 'file' }"))
      \(method("Pour", ".d.Thing", ".google.api.HttpBody", "get: '/pour'", "server_streaming: true"))
      \(method("Any", ".d.Upload", ".d.Upload", "custom { kind: '*' path: '/any/{id}' }"))
      \(method("Hidden", ".d.Thing", ".d.Thing", "get: '/hidden/{id}'"))
      \(method("Hiding", ".d.Upload", ".d.Upload", "get: '/hidden/{file.content_type}'"))
      \(method("Renamed", ".d.Upload", ".d.Upload", "post: '/things/{file.content_type}' body: '*'"))
    }
    source_code_info {
      location { path: 4 path: 2 leading_comments: " A \\"thing\\".\\n Of two lines.\\n" }
      location { path: 4 path: 2 path: 2 path: 0 leading_comments: " Its key.\\n" }
      location { path: 4 path: 2 path: 2 path: 3 trailing_comments: " What it is part of.\\n" }
      location { path: 5 path: 0 leading_comments: " Colours.\\n" }
      location { path: 6 path: 0 leading_comments: " All things.\\n" }
      location { path: 6 path: 0 path: 2 path: 0 leading_comments: " Shows one.\\n" }
    }
    """

  static let other = """
    name: "other.proto" package: "o" syntax: "proto2"
    message_type {
      name: "Legacy"
      \(field("must_be", 1, "STRING", "label: LABEL_REQUIRED"))
      field { name: "part" number: 2 type: TYPE_GROUP label: LABEL_OPTIONAL type_name: ".o.Legacy.Part" }
      nested_type { name: "Part" \(field("size", 1, "INT32")) }
    }
    service {
      name: "Things"
      method { name: "Get" input_type: ".o.Legacy" output_type: ".o.Legacy" }
    }
    """
}

extension JSONValue {
  /// A member, or `null`.
  subscript(_ name: String) -> JSONValue {
    guard case .object(let members) = self else { return .null }
    return members.first { $0.name == name }?.value ?? .null
  }

  var names: [String] {
    guard case .object(let members) = self else { return [] }
    return members.map(\.name)
  }

  var elements: [JSONValue] {
    guard case .array(let elements) = self else { return [] }
    return elements
  }
}
