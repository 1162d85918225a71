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
    case nil:
      return nil
    }
    guard message.hasCommitment else { return CommandAnswer(outcome) }
    return CommandAnswer(
      outcome,
      commitment: Commitment(
        shard: message.commitment.shard, position: Position(message.commitment.position),
        epoch: Epoch(message.commitment.epoch),
        firstSequence: SequenceNumber(message.commitment.firstSequence),
        eventCount: Int(message.commitment.eventCount),
        isDuplicate: message.commitment.duplicate))
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
