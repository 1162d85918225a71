/// A gRPC service.
package struct ServiceDescriptor: Hashable, Sendable {
  /// With package, without a leading dot.
  package let fullName: String
  package let fileName: String
  /// In the order of declaration.
  package let methods: [MethodDescriptor]
}

/// A method of a service.
package struct MethodDescriptor: Hashable, Sendable {
  package let name: String
  /// `package.Service.Method`.
  package let fullName: String
  /// Full message name without a leading dot; so is ``outputType``.
  package let inputType: String
  package let outputType: String
  package let isClientStreaming: Bool
  package let isServerStreaming: Bool
  /// Serialized `google.protobuf.MethodOptions` with all options that are unknown here.
  package let options: [UInt8]

  /// The serialized value of an option that is a message, by its number, whatever it is called in the file
  /// that declares it; `nil` when it is not set. Parts that are set one by one come one after the other,
  /// which every protobuf parser reads as one message.
  package func messageOption(_ number: Int32) -> [UInt8]? {
    options.withUnsafeBytes { buffer in
      var scanner = WireScanner(buffer)
      var value: [UInt8]?
      // A scan cannot fail here: the bytes were serialized by libprotobuf.
      while let field = try? scanner.next() {
        guard field.number == number, case .bytes(let range) = field.value else { continue }
        value = (value ?? []) + buffer[range]
      }
      return value
    }
  }
}

/// A message type.
package struct MessageDescriptor: Hashable, Sendable {
  /// With package, without a leading dot.
  package let fullName: String
  /// In the order of declaration.
  package let fields: [FieldDescriptor]
}

/// A field of a message type.
package struct FieldDescriptor: Hashable, Sendable {
  /// The types of `google.protobuf.FieldDescriptorProto.Type`, with their numbers.
  package enum Kind: Int32, Sendable, CaseIterable {
    case double = 1
    case float = 2
    case int64 = 3
    case uint64 = 4
    case int32 = 5
    case fixed64 = 6
    case fixed32 = 7
    case bool = 8
    case string = 9
    case group = 10
    case message = 11
    case bytes = 12
    case uint32 = 13
    case `enum` = 14
    case sfixed32 = 15
    case sfixed64 = 16
    case sint32 = 17
    case sint64 = 18
  }

  package let name: String
  package let jsonName: String
  package let number: Int32
  package let kind: Kind
  /// Also true for maps.
  package let isRepeated: Bool
  package let isMap: Bool
  /// Full name of the message or enum type; `nil` for all other kinds.
  package let typeName: String?
  /// Serialized `google.protobuf.FieldOptions` with all options that are unknown here.
  package let options: [UInt8]

  /// The value of a boolean option by its number, whatever it is called in the file that declares it;
  /// `nil` when it is not set.
  package func boolOption(_ number: Int32) -> Bool? {
    options.withUnsafeBytes { buffer in
      var scanner = WireScanner(buffer)
      var value: Bool?
      // A scan cannot fail here: the bytes were serialized by libprotobuf.
      while let field = try? scanner.next() {
        if field.number == number, case .varint(let number) = field.value { value = number != 0 }
      }
      return value
    }
  }
}
