package import CloudstateModel
package import CloudstateProtocol
import FoundationEssentials
import SwiftProtobuf

/// Between ``CommandAnswer`` and its wire and stored form, `cloudstate.internal.cluster.CommandAnswer`.
package enum AnswerCodec {
  package static func message(
    _ answer: CommandAnswer
  ) -> Cloudstate_Internal_Cluster_CommandAnswer {
    var message = Cloudstate_Internal_Cluster_CommandAnswer()
    switch answer.outcome {
    case .reply(let payload):
      if let payload {
        message.reply.typeURL = payload.typeURL
        message.reply.value = Data(payload.value)
        message.reply.metadata = payload.metadata.map(metadataMessage)
      } else {
        message.reply.empty = true
      }
    case .failure(let description):
      message.failure.description_p = description
    case .error(let error):
      message.error.code = error.code.rawValue
      message.error.message = error.message
    case .forward(let call):
      message.forward = self.call(call)
    }
    message.effects = answer.effects.map { effect in
      var message = Cloudstate_Internal_Cluster_AnswerEffect()
      message.call = call(effect.call)
      message.synchronous = effect.isSynchronous
      return message
    }
    if let commitment = answer.commitment {
      message.commitment.shard = commitment.shard
      message.commitment.position = commitment.position.number
      message.commitment.epoch = commitment.epoch.number
      message.commitment.firstSequence = commitment.firstSequence.number
      message.commitment.eventCount = UInt32(clamping: commitment.eventCount)
      message.commitment.duplicate = commitment.isDuplicate
    }
    return message
  }

  /// - Returns: `nil` if the message names no outcome that this version knows.
  package static func answer(
    _ message: Cloudstate_Internal_Cluster_CommandAnswer
  ) -> CommandAnswer? {
    let outcome: CommandOutcome
    switch message.outcome {
    case .reply(let reply):
      outcome = .reply(
        reply.empty
          ? nil
          : ReplyPayload(
            typeURL: reply.typeURL, value: [UInt8](reply.value),
            metadata: reply.metadata.compactMap(metadata)))
    case .failure(let failure):
      outcome = .failure(failure.description_p)
    case .error(let error):
      guard let code = CommandError.Code(rawValue: error.code) else { return nil }
      outcome = .error(CommandError(code, error.message))
    case .forward(let forward):
      outcome = .forward(call(forward))
    case nil:
      return nil
    }
    return CommandAnswer(
      outcome, commitment: message.hasCommitment ? commitment(message.commitment) : nil,
      effects: message.effects.map {
        SideEffect(call($0.call), isSynchronous: $0.synchronous)
      })
  }

  private static func commitment(
    _ message: Cloudstate_Internal_Cluster_Commitment
  ) -> Commitment {
    Commitment(
      shard: message.shard, position: Position(message.position), epoch: Epoch(message.epoch),
      firstSequence: SequenceNumber(message.firstSequence), eventCount: Int(message.eventCount),
      isDuplicate: message.duplicate)
  }

  private static func call(_ call: FunctionCall) -> Cloudstate_Internal_Cluster_FunctionCall {
    var message = Cloudstate_Internal_Cluster_FunctionCall()
    message.serviceName = call.serviceName
    message.method = call.method
    message.typeURL = call.payloadTypeURL
    message.value = Data(call.payload)
    message.metadata = call.metadata.map(metadataMessage)
    return message
  }

  private static func call(_ message: Cloudstate_Internal_Cluster_FunctionCall) -> FunctionCall {
    FunctionCall(
      serviceName: message.serviceName, method: message.method, payloadTypeURL: message.typeURL,
      payload: [UInt8](message.value), metadata: message.metadata.compactMap(metadata))
  }

  package static func bytes(_ answer: CommandAnswer) -> [UInt8] {
    // Encoding fails only for messages with unset required fields, which proto3 does not have.
    (try? message(answer).serializedBytes()) ?? []
  }

  /// - Returns: `nil` if the bytes are not an answer.
  package static func answer(bytes: [UInt8]) -> CommandAnswer? {
    (try? Cloudstate_Internal_Cluster_CommandAnswer(serializedBytes: bytes)).flatMap(answer)
  }

  package static func metadataMessage(
    _ entry: CommandMetadata
  ) -> Cloudstate_Internal_Cluster_MetadataEntry {
    var message = Cloudstate_Internal_Cluster_MetadataEntry()
    message.key = entry.key
    switch entry.value {
    case .text(let text): message.stringValue = text
    case .bytes(let bytes): message.bytesValue = Data(bytes)
    }
    return message
  }

  package static func metadata(
    _ message: Cloudstate_Internal_Cluster_MetadataEntry
  ) -> CommandMetadata? {
    switch message.value {
    case .stringValue(let text): CommandMetadata(key: message.key, value: .text(text))
    case .bytesValue(let bytes): CommandMetadata(key: message.key, value: .bytes([UInt8](bytes)))
    case nil: nil
    }
  }
}
