import SwiftProtobuf

@testable import CloudstateSDK

/// A value entity that is one text and can misbehave in every way.
enum Note: ValueEntity {
  struct Crash: Error {}

  static let serviceName = "test.Note"
  static let persistenceID = "note"

  static var behavior: ValueBehavior<Google_Protobuf_StringValue> {
    OnCommand("Set") { (context, text: Google_Protobuf_StringValue) in
      context.update(text)
      return context.state ?? Google_Protobuf_StringValue("nothing")
    }
    OnCommand("Append") { (context, text: Google_Protobuf_StringValue) in
      context.update { $0.value += text.value }
      context.update { $0.value += text.value }
      return context.state ?? Google_Protobuf_StringValue("nothing")
    }
    OnCommand("Get") { (context, _: Google_Protobuf_Empty) in
      context.state ?? Google_Protobuf_StringValue("nothing")
    }
    OnCommand("Delete") { (context, _: Google_Protobuf_Empty) in context.delete() }
    OnCommand("SetAndDelete") { (context, text: Google_Protobuf_StringValue) in
      context.update(text)
      context.delete()
    }
    OnCommand("SetThenFail") { (context, text: Google_Protobuf_StringValue) in
      context.update(text)
      context.effect(to: "test.Tally/Add", Google_Protobuf_Int64Value(1))
      throw CommandFailure("changed my mind")
    }
    OnCommand("Crash") { (_, _: Google_Protobuf_Empty) in throw Crash() }
    OnCommand("Describe") {
      (context, _: Google_Protobuf_Empty) -> Answer<Google_Protobuf_StringValue> in
      .reply(
        Google_Protobuf_StringValue(
          "\(context.entityID) \(context.commandName) \(context.metadata["color"] ?? "none")"),
        metadata: ["size": "7"])
    }
    OnCommand("Share") {
      (context, text: Google_Protobuf_StringValue) -> Answer<Google_Protobuf_Int64Value> in
      context.update(text)
      context.effect(to: "test.Tally/Add", Google_Protobuf_Int64Value(1))
      context.effect(
        to: "test.Tally/Add", Google_Protobuf_Int64Value(2), synchronous: true,
        metadata: ["why": "shared"])
      return .forward(
        to: "test.Tally/Get", Google_Protobuf_Empty(), metadata: ["from": context.entityID])
    }
    OnCommand("MisdirectedEffect") { (context, _: Google_Protobuf_Empty) in
      context.effect(to: "test.Tally.Add", Google_Protobuf_Int64Value(1))
    }
  }

  static let service = DescribedService(
    name: "Note",
    methods: [
      ("Set", "StringValue", "StringValue", .unary),
      ("Append", "StringValue", "StringValue", .unary),
      ("Get", "Empty", "StringValue", .unary), ("Delete", "Empty", "Empty", .unary),
      ("SetAndDelete", "StringValue", "Empty", .unary),
      ("SetThenFail", "StringValue", "Empty", .unary), ("Crash", "Empty", "Empty", .unary),
      ("Describe", "Empty", "StringValue", .unary),
      ("Share", "StringValue", "Int64Value", .unary),
      ("MisdirectedEffect", "Empty", "Empty", .unary),
    ])
}
