import CloudstateProtocol
import DynamicProtobuf
import SwiftProtobuf

/// A service whose messages have a field of each kind there is, and a rule of each kind.
enum TypesOfEveryKind {
  static let messages = ["t.All", "t.Old", "google.protobuf.Struct", "google.protobuf.Any"]
  static let keyFields: [Int32] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14]

  private static let scalars = [
    "INT32", "INT64", "UINT32", "UINT64", "SINT32", "SINT64", "FIXED32", "FIXED64", "SFIXED32",
    "SFIXED64", "STRING", "BYTES", "DOUBLE", "BOOL", "FLOAT",
  ]

  private static let wellKnown = [
    "Timestamp", "Duration", "Any", "Struct", "Value", "ListValue", "FieldMask", "Empty",
    "Int64Value", "BoolValue", "StringValue", "BytesValue", "DoubleValue",
  ]

  private static func field(
    _ name: String, _ number: Int, _ type: String, _ label: String = "OPTIONAL", more: String = ""
  ) -> String {
    let type =
      type.hasPrefix(".") ? "type: TYPE_MESSAGE type_name: \"\(type)\"" : "type: TYPE_\(type)"
    return "field { name: \"\(name)\" number: \(number) \(type) label: LABEL_\(label) \(more) }\n"
  }

  private static var all: String {
    var text = "message_type { name: \"All\"\n"
    for (index, type) in scalars.enumerated() {
      text += field("one_\(type.lowercased())", index + 1, type)
      text += field("many_\(type.lowercased())", index + 31, type, "REPEATED")
    }
    for (index, type) in wellKnown.enumerated() {
      text += field("w_\(type.lowercased())", index + 61, ".google.protobuf.\(type)")
    }
    text += field("color", 81, "ENUM", more: "type_name: \".t.Color\"")
    text += field("colors", 82, "ENUM", "REPEATED", more: "type_name: \".t.Color\"")
    text += field("all", 83, ".t.All") + field("alls", 84, ".t.All", "REPEATED")
    text += field("old", 85, ".t.Old") + field("body", 86, ".google.api.HttpBody")
    text += field("texts", 87, ".t.All.TextsEntry", "REPEATED")
    text += field("alls_by_number", 88, ".t.All.AllsByNumberEntry", "REPEATED")
    text += field("left", 89, "STRING", more: "oneof_index: 0")
    text += field("right", 90, ".t.All", more: "oneof_index: 0")
    text += field("maybe", 91, "INT32", more: "oneof_index: 1 proto3_optional: true")
    text += "oneof_decl { name: \"choice\" } oneof_decl { name: \"_maybe\" }\n"
    text += entry("TextsEntry", "STRING", "STRING") + entry("AllsByNumberEntry", "INT64", ".t.All")
    return text + "}\n"
  }

  private static func entry(_ name: String, _ key: String, _ value: String) -> String {
    "nested_type { name: \"\(name)\" options { map_entry: true }\n"
      + field("key", 1, key) + field("value", 2, value) + "}\n"
  }

  private static var new: String {
    let imports = [
      "timestamp", "duration", "any", "struct", "field_mask", "empty", "wrappers",
    ].map { "dependency: \"google/protobuf/\($0).proto\"\n" }.joined()
    return "name: \"t.proto\" package: \"t\" syntax: \"proto3\" dependency: \"old.proto\"\n"
      + "dependency: \"google/api/httpbody.proto\"\n" + imports
      + "enum_type { name: \"Color\" value { name: \"RED\" number: 0 } value { name: \"BLUE\" number: -1 } }\n"
      + all
  }

  private static let old =
    "name: \"old.proto\" package: \"t\" syntax: \"proto2\"\n"
    + "message_type { name: \"Old\"\n" + field("must", 1, "STRING", "REQUIRED")
    + field("number", 2, "INT32", more: "default_value: \"-7\"")
    + field("hue", 3, "ENUM", more: "type_name: \".t.Hue\" default_value: \"LOW\"")
    + "field { name: \"part\" number: 4 type: TYPE_GROUP type_name: \".t.Old.Part\" label: LABEL_OPTIONAL }\n"
    + field("packed", 5, "SINT64", "REPEATED", more: "options { packed: true }")
    + "nested_type { name: \"Part\" " + field("a", 1, "BYTES") + "}\n"
    + "extension_range { start: 100 end: 200 } }\n"
    + "enum_type { name: \"Hue\" value { name: \"LOW\" number: 1 } value { name: \"HIGH\" number: 2 } }\n"
    + "extension { name: \"more\" number: 100 type: TYPE_FLOAT label: LABEL_OPTIONAL extendee: \".t.Old\" }\n"

  /// Verb, template, body and the field that is the response.
  private static let rules: [(get: Bool, path: String, body: String, response: String)] = [
    (false, "/all", "*", ""),
    (true, "/all/{one_string}", "", ""),
    (true, "/n/{one_int32}/{one_bool}/{one_double}", "", "all"),
    (false, "/field/{all.all.one_string=a/*}", "all", "w_value"),
    (false, "/body/{one_bytes=**}:put", "body", "body"),
    (true, "/many/{one_fixed64}/{one_sint32}:get", "", "many_string"),
  ]

  /// The pool and the full name of its one service.
  static let pool: DescriptorPool? = try? makePool()
  static let service = "t.S"

  static func makePool() throws -> DescriptorPool {
    var file = try Google_Protobuf_FileDescriptorProto(textFormatString: new)
    file.service = [
      .with { service in
        service.name = "S"
        service.method = rules.enumerated().map { index, rule in
          .with {
            $0.name = "M\(index)"
            $0.inputType = ".t.All"
            $0.outputType = ".t.All"
            $0.serverStreaming = index % 3 == 2
            $0.options.Google_Api_http = .with {
              if rule.get { $0.get = rule.path } else { $0.post = rule.path }
              $0.body = rule.body
              $0.responseBody = rule.response
            }
          }
        }
      }
    ]
    let old = try Google_Protobuf_FileDescriptorProto(textFormatString: old)
    let set = Google_Protobuf_FileDescriptorSet.with { $0.file = [file, old] }
    return try DescriptorPool(
      fileDescriptorSet: try set.serializedBytes(),
      supplying: WellKnownDescriptors.fileDescriptorSet)
  }
}
