import SwiftProtobuf

@testable import CloudstateSDK

/// A replicated entity that is a set of texts and can misbehave in every way.
enum Board: ReplicatedEntity {
  struct Crash: Error {}

  typealias Text = Google_Protobuf_StringValue
  typealias State = ORSet<String>

  static let serviceName = "test.Board"
  static let persistenceID = "board"
  static let passivationTimeout: Duration? = .milliseconds(250)

  static var behavior: ReplicatedBehavior<ORSet<String>> {
    OnCommand("Add") { (context, note: Text) in
      context.state.insert(note.value)
      return shown(context.state)
    }
    OnCommand("AddSafely") { (context, note: Text) in
      context.state.insert(note.value)
      context.writeConsistency = note.value == "all" ? .all : .majority
    }
    OnCommand("Get") { (context, _: Google_Protobuf_Empty) in shown(context.state) }
    OnCommand("Clear") { (context, _: Google_Protobuf_Empty) in context.state.removeAll() }
    OnCommand("Delete") { (context, _: Google_Protobuf_Empty) in
      context.state.insert("last words")
      context.writeConsistency = .all
      context.delete()
      return shown(context.state)
    }
    OnCommand("AddThenFail") { (context, note: Text) in
      context.state.insert(note.value)
      context.effect(to: "test.Tally/Add", amount(1))
      context.delete()
      throw CommandFailure("changed my mind")
    }
    OnCommand("Crash") { (_, _: Google_Protobuf_Empty) in throw Crash() }
    OnCommand("MisdirectedEffect") { (context, _: Google_Protobuf_Empty) in
      context.effect(to: "test.Tally.Add", amount(1))
    }
    OnCommand("Share") { (context, note: Text) -> Answer<Google_Protobuf_Int64Value> in
      context.state.insert(note.value)
      context.effect(to: "test.Tally/Add", amount(1), synchronous: true)
      return .forward(to: "test.Tally/Get", Google_Protobuf_Empty())
    }
    OnCommand("Describe") { (context, _: Google_Protobuf_Empty) -> Answer<Text> in
      let streams = context.openStreams(of: "Watch")
      let color = context.metadata["color"] ?? "none"
      return .reply(
        text("\(context.entityID) \(context.commandName) \(streams) \(color)"),
        metadata: ["size": "7"])
    }
    OnStreamedCommand("Watch") { (context, order: Text) -> StreamedAnswer<State, Text> in
      switch order.value {
      case "once": return .closed(.reply(shown(context.state), metadata: ["size": "7"]))
      case "hand over": return .closed(.forward(to: "test.Note/Get", Google_Protobuf_Empty()))
      case "refuse": throw CommandFailure("refused")
      case "crash": throw Crash()
      case "delete":
        context.delete()
        return .open(shown(context.state))
      case "in silence":
        return .open().onCancel { context in
          context.state.insert("gone")
          context.effect(to: "test.Tally/Add", amount(context.openStreams(of: "Watch").asInt64))
        }
      default: break
      }
      if order.value == "and add" { context.state.insert("watched") }
      var messages = 0
      return .open(shown(context.state), metadata: ["size": "7"]).onChange { change in
        messages += 1
        switch change.state.elements {
        case let notes where notes.contains("crash"): throw Crash()
        case let notes where notes.contains("fail"): throw CommandFailure("stopped")
        case let notes where notes.contains("misdirect"): change.effect(to: "nowhere", amount(1))
        case let notes where notes.contains("effect"):
          change.effect(to: "test.Tally/Add", amount(2), synchronous: true)
        case let notes where notes.contains("silence"): return nil
        case let notes where notes.contains("end"): change.endStream()
        default: break
        }
        return text("\(change.entityID) \(messages): \(shown(change.state).value)")
      }
    }
  }

  private static func shown(_ state: State) -> Text {
    text(state.elements.sorted().joined(separator: ","))
  }

  static let service = DescribedService(
    name: "Board",
    methods: [
      ("Add", "StringValue", "StringValue", .unary), ("AddSafely", "StringValue", "Empty", .unary),
      ("Get", "Empty", "StringValue", .unary), ("Clear", "Empty", "Empty", .unary),
      ("Delete", "Empty", "StringValue", .unary), ("AddThenFail", "StringValue", "Empty", .unary),
      ("Crash", "Empty", "Empty", .unary), ("MisdirectedEffect", "Empty", "Empty", .unary),
      ("Share", "StringValue", "Int64Value", .unary), ("Describe", "Empty", "StringValue", .unary),
      ("Watch", "StringValue", "StringValue", .streamedOut),
    ])
}

/// A register that is not empty at first.
enum Label: ReplicatedEntity {
  static let serviceName = "test.Label"
  static let persistenceID = "label"

  static func initialState(entityID: String) -> LWWRegister<String> {
    LWWRegister("of \(entityID)")
  }

  static var behavior: ReplicatedBehavior<LWWRegister<String>> {
    OnCommand("Get") { (context, _: Google_Protobuf_Empty) in text(context.state.value ?? "nothing")
    }
    OnCommand("Fail") { (context, _: Google_Protobuf_Empty) in
      context.state.set("never")
      throw CommandFailure("no")
    }
  }
}

extension Int {
  fileprivate var asInt64: Int64 { Int64(self) }
}
