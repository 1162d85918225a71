import CloudstateProtocol
import SwiftProtobuf

extension CRDTMessages {
  /// What the user function sent, in the notation.
  static func describe(_ output: Output) -> String {
    switch output.message {
    case .reply(let reply):
      var outcome =
        reply.hasClientAction
        ? describe(reply.clientAction, commandID: reply.commandID) : "R\(reply.commandID) -"
      if reply.streamed {
        outcome =
          outcome.hasPrefix("R") ? "RS\(outcome.dropFirst())" : "\(outcome) with a stream"
      }
      let action = reply.hasStateAction ? [describe(reply.stateAction)] : []
      return joined(outcome, action + vocabulary.describe(reply.sideEffects))
    case .streamedMessage(let message):
      var outcome = "M\(message.commandID) -"
      if message.hasClientAction {
        outcome = describe(message.clientAction, commandID: message.commandID)
        if outcome.hasPrefix("R") { outcome = "M\(outcome.dropFirst())" }
      }
      if message.endStream { outcome += " end" }
      return joined(outcome, vocabulary.describe(message.sideEffects))
    case .streamCancelledResponse(let response):
      let action = response.hasStateAction ? [describe(response.stateAction)] : []
      return joined("SR\(response.commandID)", action + vocabulary.describe(response.sideEffects))
    case .failure(let failure):
      return "failure \"\(failure.description_p)\" (command \(failure.commandID))"
    case nil: return "an empty message"
    }
  }

  /// What the proxy sent, in the notation.
  static func describe(_ input: Input) -> String {
    switch input.message {
    case .init_p(let start):
      let value = start.hasDelta ? " (\(CompatibilityKit.describe(start.delta)))" : ""
      return "I of \(start.serviceName), \(start.entityID)\(value)"
    case .delta(let change): return "D(\(CompatibilityKit.describe(change)))"
    case .delete: return "delete"
    case .command(let command):
      let symbol = command.streamed ? "CS" : "C"
      return "\(symbol)\(command.id) \(command.name) of \(command.entityID)"
        + " <\(command.payload.typeURL), \(command.payload.value.count) bytes>"
    case .streamCancelled(let cancelled): return "SC\(cancelled.id) of \(cancelled.entityID)"
    case nil: return "an empty message"
    }
  }

  private static func describe(_ action: Cloudstate_ClientAction, commandID: Int64) -> String {
    switch action.action {
    case .reply(let reply):
      // The state has no quotes in the notation of these entities.
      guard let text = vocabulary.response.text(reply.payload), !reply.hasMetadata else {
        return "R\(commandID) \(vocabulary.describe(reply))"
      }
      return "R\(commandID) \(text.isEmpty ? "\"\"" : text)"
    case .forward(let forward): return "FW\(commandID) \(vocabulary.describe(forward))"
    case .failure(let failure): return vocabulary.describe(failure, commandID: commandID)
    case nil: return "R\(commandID) with an empty client action"
    }
  }

  private static func describe(_ action: Cloudstate_Crdt_CrdtStateAction) -> String {
    let consistency =
      switch action.writeConsistency {
      case .local: ""
      case .majority: " MAJORITY"
      case .all: " ALL"
      case .UNRECOGNIZED(let number): " consistency \(number)"
      }
    switch action.action {
    case .update(let change): return CompatibilityKit.describe(change) + consistency
    case .delete: return "DEL\(consistency)"
    case nil: return "an empty state action\(consistency)"
    }
  }
}
