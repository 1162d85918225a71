import CloudstateProtocol
import SwiftProtobuf

/// The notation of an entity's model as messages of its protocol.
protocol EntityMessages {
  associatedtype Input: Message & Equatable
  associatedtype Output: Message & Equatable

  /// The full name of the model's service.
  static var service: String { get }
  /// The full name of the service with its own passivation timeout.
  static var configuredService: String { get }
  static var vocabulary: ModelVocabulary { get }
  /// The path of the protocol's `handle`.
  static var path: String { get }

  /// Where the model's method is over HTTP, without the entity id.
  static var httpPath: String { get }

  static func start(_ start: EntityStart, service: String, entityID: String) -> Input
  static func event(sequence: Int64, value: String) -> Input
  /// The request of a client, and the payload of a command.
  static func request(_ actions: [RequestedAction], entityID: String) -> any Message
  static func input(_ command: Cloudstate_Command) -> Input
  /// - Parameter restart: whether a failure asks for one.
  static func expected(_ reply: ExpectedReply, entityID: String, restart: Bool) -> Output
  /// A received message in the form that is compared.
  static func canonical(_ output: Output) -> Output
  /// What a message says, in the notation.
  static func describe(_ output: Output) -> String
  /// What the proxy sent, in the form that is compared: without the metadata of commands (section 1.5).
  static func canonical(_ input: Input) -> Input
  /// What the proxy sent, for people.
  static func describe(_ input: Input) -> String
  /// Whether a message is a failure that asks for a restart.
  static func asksForRestart(_ output: Output) -> Bool
}

extension EntityMessages {
  /// The start of the model's entity.
  static func start(_ start: EntityStart, entityID: String) -> Input {
    self.start(start, service: service, entityID: entityID)
  }

  /// A command for one of the services.
  static func command(
    _ role: ServiceRole = .model, id: Int64, actions: [RequestedAction], entityID: String
  ) -> Input {
    var command = Cloudstate_Command()
    command.entityID = entityID
    command.id = id
    command.name = role.methodName
    command.payload = packed(request(actions, entityID: entityID))
    return input(command)
  }

  /// The full name of one of the services.
  static func service(_ role: ServiceRole) -> String {
    switch role {
    case .model: service
    case .two: vocabulary.targetService
    case .configured: configuredService
    }
  }

  /// A received command in the form that is compared.
  static func canonical(_ command: Cloudstate_Command) -> Cloudstate_Command {
    var command = command
    command.clearMetadata()
    if command.hasPayload { command.payload = vocabulary.canonical(command.payload) }
    return command
  }

  /// A command, for people.
  static func describe(_ command: Cloudstate_Command) -> String {
    let size = command.payload.value.count
    return "C\(command.id) \(command.name) of \(command.entityID)"
      + " <\(command.payload.typeURL), \(size) bytes>"
  }

  /// What the caller is to get.
  static func clientAction(
    _ reply: ExpectedReply, entityID: String, restart: Bool
  ) -> Cloudstate_ClientAction {
    var action = Cloudstate_ClientAction()
    switch reply.outcome {
    case .reply(let text): action.reply = vocabulary.reply(text)
    case .forward(let target):
      action.forward = vocabulary.forward(resolved(target, entityID: entityID))
    case .failure(let text, _):
      action.failure = vocabulary.failure(text, commandID: reply.commandID, restart: restart)
    }
    return action
  }

  static func sideEffects(_ extras: Extras, entityID: String) -> [Cloudstate_SideEffect] {
    extras.effects.map {
      vocabulary.effect(resolved($0.target, entityID: entityID), synchronous: $0.synchronous)
    }
  }

  /// `R1 "A"`, `FW1 x` or `X1 "t"`, without extras.
  static func describe(_ action: Cloudstate_ClientAction, commandID: Int64) -> String {
    switch action.action {
    case .reply(let reply): return "R\(commandID) \(vocabulary.describe(reply))"
    case .forward(let forward): return "FW\(commandID) \(vocabulary.describe(forward))"
    case .failure(let failure): return vocabulary.describe(failure, commandID: commandID)
    case nil: return "R\(commandID) without client action"
    }
  }

  /// A failure outside of replies, which breaks the entity.
  static func describe(_ failure: Cloudstate_Failure) -> String {
    "broken stream \"\(failure.description_p)\" (command \(failure.commandID))"
  }
}

extension ServiceRole {
  /// The one method of the service.
  var methodName: String { self == .model ? "Process" : "Call" }
}

/// What stands for a target: `id` is the entity id of the test (section 1.7), also in `X-id`.
func resolved(_ target: String, entityID: String) -> String {
  if target == "id" { return entityID }
  return target.hasSuffix("-id") ? target.dropLast(2) + entityID : target
}

/// An outcome and its extras.
func joined(_ outcome: String, _ extras: [String]) -> String {
  extras.isEmpty ? outcome : "\(outcome) +\(extras.joined(separator: "+"))"
}
