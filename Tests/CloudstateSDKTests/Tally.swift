import CloudstateSDK
import SwiftProtobuf

/// An entity that adds up numbers and can misbehave in every way. Its messages are the well-known
/// wrappers, so that it needs no generated code.
struct Tally: EventSourcedEntity {
  struct Crash: Error {}

  static let serviceName = "test.Tally"
  static let persistenceID = "tally"
  static let snapshotEvery = 3
  static let passivationTimeout: Duration? = .milliseconds(1500)

  var total: Int64 = 0

  static var behavior: Behavior<Self> {
    OnCommand("Add") { (context, amount: Google_Protobuf_Int64Value) in
      context.emit(amount)
      return Google_Protobuf_Int64Value(context.state.total)
    }
    OnCommand("AddTwice") { (context, amount: Google_Protobuf_Int64Value) in
      context.emit(amount)
      context.emit(amount)
      return Google_Protobuf_Int64Value(context.state.total)
    }
    OnCommand("Get") { (context, _: Google_Protobuf_Empty) in
      Google_Protobuf_Int64Value(context.state.total)
    }
    OnCommand("Describe") { (context, _: Google_Protobuf_Empty) in
      Google_Protobuf_StringValue(
        "\(context.entityID) \(context.commandName) \(context.sequence) "
          + "\(context.metadata["color"] ?? "none")")
    }
    OnCommand("Fail") { (_, reason: Google_Protobuf_StringValue) in
      throw CommandFailure(reason.value)
    }
    OnCommand("AddThenFail") { (context, amount: Google_Protobuf_Int64Value) in
      context.emit(amount)
      throw CommandFailure("changed my mind")
    }
    OnCommand("Crash") { (_, _: Google_Protobuf_Empty) in throw Crash() }
    OnCommand("EmitUnknown") { (context, _: Google_Protobuf_Empty) in
      context.emit(Google_Protobuf_BoolValue(true))
    }
    OnEvent { (tally, amount: Google_Protobuf_Int64Value) in tally.total += amount.value }
    Snapshots(
      save: { Google_Protobuf_Int64Value($0.total) },
      restore: { $0.total = $1.value })
  }

  /// The methods of the service: name, input and output type.
  static let methods = [
    ("Add", "Int64Value", "Int64Value"), ("AddTwice", "Int64Value", "Int64Value"),
    ("Get", "Empty", "Int64Value"), ("Describe", "Empty", "StringValue"),
    ("Fail", "StringValue", "Empty"), ("AddThenFail", "Int64Value", "Empty"),
    ("Crash", "Empty", "Empty"), ("EmitUnknown", "Empty", "Empty"),
  ]
}

/// Serialized descriptors with one service, `test.Tally` unless said otherwise.
func descriptors(
  service name: String = "Tally",
  methods: [(name: String, input: String, output: String)] = Tally.methods
) throws -> [UInt8] {
  var service = Google_Protobuf_ServiceDescriptorProto()
  service.name = name
  service.method = methods.map { method in
    .with {
      $0.name = method.name
      $0.inputType = ".google.protobuf.\(method.input)"
      $0.outputType = ".google.protobuf.\(method.output)"
    }
  }
  var file = Google_Protobuf_FileDescriptorProto()
  file.name = "tally.proto"
  file.package = "test"
  file.service = [service]
  var set = Google_Protobuf_FileDescriptorSet()
  set.file = [file]
  return try set.serializedBytes()
}
