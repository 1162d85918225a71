import CloudstateProtocol
import GRPCTransport
import SwiftProtobuf
import TCKProtocol

/// What cases say alike of event sourced and of value entities: the texts of section 21 differ, and the
/// messages.
protocol StatefulScript: Sendable {
  associatedtype Messages: EntityMessages

  static var entityType: String { get }
  static var unexpectedReply: String { get }
  static var unexpectedFailure: String { get }
  static var unexpectedMessage: String { get }
  static var unexpectedTermination: String { get }
  static var terminated: String { get }

  /// A reply with this text, and side effects.
  static func reply(
    _ text: String, to id: Int64, effects: [Cloudstate_SideEffect]
  ) -> Messages.Output
  /// A failure outside of replies.
  static func failure(_ text: String, id: Int64) -> Messages.Output
  /// A failure of a command.
  static func failed(_ text: String, id: Int64, restart: Bool) -> Messages.Output
  static func command(in input: Messages.Input) -> Cloudstate_Command?
}

enum EventSourcedScript: StatefulScript {
  typealias Messages = EventSourcedMessages

  static let entityType = "cloudstate.eventsourced.EventSourced"
  static let unexpectedReply = "Unexpected entity reply"
  static let unexpectedFailure = "Unexpected entity failure"
  static let unexpectedMessage = "Unexpected entity message"
  static let unexpectedTermination = "Unexpected entity termination"
  static let terminated = "Entity terminated"

  static func reply(
    _ text: String, to id: Int64, effects: [Cloudstate_SideEffect]
  ) -> Messages.Output {
    var output = Messages.Output()
    output.reply.commandID = id
    output.reply.clientAction.reply = Messages.vocabulary.reply(text)
    output.reply.sideEffects = effects
    return output
  }

  static func failure(_ text: String, id: Int64) -> Messages.Output {
    .with { $0.failure = Messages.vocabulary.failure(text, commandID: id) }
  }

  static func failed(_ text: String, id: Int64, restart: Bool) -> Messages.Output {
    var output = Messages.Output()
    output.reply.commandID = id
    output.reply.clientAction.failure = Messages.vocabulary.failure(
      text, commandID: id, restart: restart)
    return output
  }

  static func command(in input: Messages.Input) -> Cloudstate_Command? {
    if case .command(let command) = input.message { command } else { nil }
  }
}

enum ValueEntityScript: StatefulScript {
  typealias Messages = ValueEntityMessages

  static let entityType = "cloudstate.valueentity.ValueEntity"
  static let unexpectedReply = "Unexpected Value entity reply"
  static let unexpectedFailure = "Unexpected Value entity failure"
  static let unexpectedMessage = "Unexpected Value entity failure"
  static let unexpectedTermination = "Unexpected Value entity termination"
  static let terminated = "Value entity terminated"

  static func reply(
    _ text: String, to id: Int64, effects: [Cloudstate_SideEffect]
  ) -> Messages.Output {
    var output = Messages.Output()
    output.reply.commandID = id
    output.reply.clientAction.reply = Messages.vocabulary.reply(text)
    output.reply.sideEffects = effects
    return output
  }

  static func failure(_ text: String, id: Int64) -> Messages.Output {
    .with { $0.failure = Messages.vocabulary.failure(text, commandID: id) }
  }

  static func failed(_ text: String, id: Int64, restart: Bool) -> Messages.Output {
    var output = Messages.Output()
    output.reply.commandID = id
    output.reply.clientAction.failure = Messages.vocabulary.failure(
      text, commandID: id, restart: restart)
    return output
  }

  static func command(in input: Messages.Input) -> Cloudstate_Command? {
    if case .command(let command) = input.message { command } else { nil }
  }
}

/// One entity of the scripted function, as the proxy keeps it.
struct ScriptedEntity<Script: StatefulScript>: Sendable {
  typealias Messages = Script.Messages

  let scene: ScriptedScene
  let stream: ScriptedCall
  let entityID: String

  /// Takes the stream that the proxy opens, and its `init`.
  static func activated(
    _ scene: ScriptedScene, _ role: ServiceRole = .model, id: String
  ) async throws(CaseFailure) -> ScriptedEntity {
    let stream = try await scene.accept(Messages.path)
    let input: Messages.Input = try await scene.message(stream, "I of \(Messages.service(role))")
    let expected = Messages.start(
      EntityStart(), service: Messages.service(role), entityID: id)
    if let found = difference(expected: expected, received: input, describe: Messages.describe) {
      throw scene.failure(found.expected, found.received)
    }
    return ScriptedEntity(scene: scene, stream: stream, entityID: id)
  }

  /// Takes the next command, which has to have this id and this payload.
  func expectCommand(
    _ role: ServiceRole = .model, id: Int64, _ actions: [RequestedAction] = []
  ) async throws(CaseFailure) {
    let input: Messages.Input = try await scene.message(stream, "command \(id)")
    let expected = Messages.command(role, id: id, actions: actions, entityID: entityID)
    let found = difference(
      expected: expected, received: Messages.canonical(input), describe: Messages.describe)
    if let found { throw scene.failure(found.expected, found.received) }
  }

  func reply(_ text: String, to id: Int64, effects: [Cloudstate_SideEffect] = []) {
    stream.send(Script.reply(text, to: id, effects: effects))
  }
}

extension ScriptedScene {
  /// Calls the model's entity.
  func process<Script: StatefulScript>(
    _: Script.Type, _ id: String, _ actions: [RequestedAction] = []
  ) -> PendingCall {
    call(
      "\(Script.Messages.service)/\(ServiceRole.model.methodName)",
      Script.Messages.request(actions, entityID: id))
  }
}
