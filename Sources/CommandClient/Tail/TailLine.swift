package import CloudstateModel
package import CloudstateProtocol
package import CommandLineKit
import FoundationEssentials

extension Cloudstate_Streams_TailedEvent {
  /// The line for people: time of day, number within the entity, subject, body.
  ///
  /// - Parameter offset: seconds east of UTC at a time.
  package func textLine(offset: (Timestamp) -> Int) -> String {
    let time = Timestamp(unixMilliseconds: timeUnixMilliseconds)
    let clock = CivilTime(time, offset: offset(time)).clock
    return "\(clock)  #\(sequence)  \(subject)  \(textBody)"
  }

  /// The stable, versioned envelope of `-o jsonl`. `seq` numbers the entity's events, `shardSeq` is the
  /// position in the shard; a body whose type nobody knows is base64.
  package var envelope: JSONText {
    let time = CivilTime(Timestamp(unixMilliseconds: timeUnixMilliseconds)).rfc3339
    return .object([
      ("v", 1), ("subject", .string(subject)), ("seq", .integer(sequence)),
      ("shard", .integer(Int64(shard))), ("shardSeq", .unsigned(position)),
      ("epoch", .unsigned(epoch)), ("time", .string(time)), ("type", .string(typeURL)),
      ("entity", .string("\(persistenceID)/\(entityID)")),
      json.isEmpty
        ? ("data_base64", .string(payload.base64EncodedString())) : ("data", .raw(json)),
    ])
  }

  /// The body alone: JSON, or base64 when nobody knows the type.
  package var body: String { json.isEmpty ? payload.base64EncodedString() : json }

  private var textBody: String {
    json.isEmpty
      ? "\(typeURL) (\(payload.count) bytes, base64) \(payload.base64EncodedString())" : json
  }
}
