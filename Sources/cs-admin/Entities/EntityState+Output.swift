import CloudstateModel
import CloudstateProtocol
import CommandClient
import CommandLineKit
import FoundationEssentials

// What `cs-admin entity` prints.

extension Cloudstate_Admin_EntityState {
  /// For people.
  var text: String {
    var lines = ["\(type.persistenceID)/\(entityID)  \(type.kind) of \(type.serviceName)"]
    if hasReplica {
      lines.append(
        replica.deleted ? "deleted" : "value      \(replica.type), \(replica.bytes) bytes stored")
      lines.append("node       \(nodeID), and every other node")
      return lines.joined(separator: "\n")
    }
    lines.append("node       \(nodeID), shard \(shard), epoch \(epoch)")
    lines.append(
      "last       event \(lastSequence) at \(timeText(lastTimeUnixMilliseconds)), "
        + Subject.shortTypeName(lastEventTypeURL))
    lines.append("first      event at \(timeText(firstTimeUnixMilliseconds))")
    let isValue = type.kind == "value-entity"
    if !hasSnapshot {
      lines.append("snapshot   none")
    } else if snapshot.typeURL.isEmpty {
      lines.append("value      deleted")
    } else {
      lines.append(
        (isValue ? "value      " : "snapshot   after event \(snapshot.sequence), ")
          + Subject.shortTypeName(snapshot.typeURL))
      lines.append(snapshot.payloadText)
    }
    return lines.joined(separator: "\n")
  }

  /// For programs.
  var json: JSONText {
    var members: [(String, JSONText)] = [
      ("type", .string(type.serviceName)), ("persistenceId", .string(type.persistenceID)),
      ("entity", .string(entityID)), ("kind", .string(type.kind)), ("node", .string(nodeID)),
    ]
    if hasReplica {
      members += [
        ("deleted", .bool(replica.deleted)),
        ("value", replica.deleted ? .null : .string(replica.type)),
        ("bytes", .unsigned(replica.bytes)),
      ]
      return .object(members)
    }
    members += [
      ("shard", .integer(Int64(shard))), ("epoch", .unsigned(epoch)),
      ("lastSequence", .integer(lastSequence)),
      ("firstTime", .string(timeText(firstTimeUnixMilliseconds))),
      ("lastTime", .string(timeText(lastTimeUnixMilliseconds))),
      ("lastEventType", .string(lastEventTypeURL)),
      ("deleted", .bool(hasSnapshot && snapshot.typeURL.isEmpty)),
      ("snapshot", hasSnapshot && !snapshot.typeURL.isEmpty ? snapshot.jsonText : .null),
    ]
    return .object(members)
  }
}

extension Cloudstate_Admin_EntitySnapshot {
  var jsonText: JSONText {
    .object(
      [("sequence", .integer(sequence)), ("type", .string(typeURL))]
        + payloadMembers(json: json, payload: payload))
  }

  var payloadText: String { stateText(json: json, payload: payload) }
}

extension Cloudstate_Admin_EntityEvent {
  var text: String {
    "\(timeText(timeUnixMilliseconds))  #\(sequence)  \(Subject.shortTypeName(typeURL))  "
      + stateText(json: json, payload: payload)
  }

  var jsonText: JSONText {
    .object(
      [
        ("seq", .integer(sequence)), ("time", .string(timeText(timeUnixMilliseconds))),
        ("type", .string(typeURL)),
      ] + payloadMembers(json: json, payload: payload))
  }
}

/// A payload as JSON, or in base64 where no descriptor knows its type.
private func payloadMembers(json: String, payload: Data) -> [(String, JSONText)] {
  json.isEmpty
    ? [("data_base64", .string(payload.base64EncodedString()))] : [("data", .raw(json))]
}

private func stateText(json: String, payload: Data) -> String {
  json.isEmpty ? payload.base64EncodedString() : json
}

private func timeText(_ unixMilliseconds: Int64) -> String {
  CivilTime(Timestamp(unixMilliseconds: unixMilliseconds)).rfc3339
}
