/// The subjects of design section 6, in one place.
extension Subject {
  /// Commands to entities: `cs.cmd.<service>.<Method>`.
  package static func command(service: ServiceName, method: String) -> Subject {
    Subject(tokens: ["cs", "cmd", service.text, method])
  }

  /// Forwards and side effects from other services of the topology: `cs.call.<service>`.
  package static func call(service: ServiceName) -> Subject {
    Subject(tokens: ["cs", "call", service.text])
  }

  /// Events and changes: `cs.evt.<service>.<persistence id>.<entity id>.<Event>`, where the event is the
  /// short name of its message type.
  package static func event(
    service: ServiceName, entity: EntityKey, typeURL: String
  ) -> Subject {
    Subject(tokens: [
      "cs", "evt", service.text, entity.persistenceID, entity.entityID, shortTypeName(typeURL),
    ])
  }

  /// Tells that a shard's stream has grown: `cs.notice.<service>.<shard>`.
  package static func notice(_ shard: ShardID) -> Subject {
    Subject(tokens: ["cs", "notice", shard.service.text, String(shard.index)])
  }

  /// Reads a shard's stream from its owner: `cs.stream.<service>.<shard>`.
  package static func streamRead(_ shard: ShardID) -> Subject {
    Subject(tokens: ["cs", "stream", shard.service.text, String(shard.index)])
  }

  /// What nodes of a service tell each other about replicated entities: `cs.crdt.<service>.<topic>`.
  package static func replicas(of service: ServiceName, _ topic: ReplicaTopic) -> Subject {
    Subject(tokens: ["cs", "crdt", service.text, topic.rawValue])
  }

  /// What the autoscaler of a service decides to do: `cs.scale.<service>`.
  package static func scaleDecisions(of service: ServiceName) -> Subject {
    Subject(tokens: ["cs", "scale", service.text])
  }

  package static let plan = Subject(tokens: ["cs", "plan"])
  package static let register = Subject(tokens: ["cs", "coordinator", "register"])
  /// What primaries tell the coordinator of their shards.
  package static let shardReports = Subject(tokens: ["cs", "coordinator", "shards"])

  /// Committed batches from primaries to a node that keeps copies.
  package static let shardAppend = Subject(tokens: ["cs", "shards", "append"])
  /// Batches that a copy holds and its new primary does not.
  package static let shardFetch = Subject(tokens: ["cs", "shards", "fetch"])

  package static func planAcknowledgement(_ node: NodeID) -> Subject {
    Subject(tokens: ["cs", "plan", "ack", node.text])
  }

  package static func heartbeat(_ node: NodeID) -> Subject {
    Subject(tokens: ["cs", "node", node.text, "heartbeat"])
  }

  /// The coordinator asks whether the node's process is there: `cs.node.<node>.probe`.
  package static func probe(_ node: NodeID) -> Subject {
    Subject(tokens: ["cs", "node", node.text, "probe"])
  }

  /// `ItemAdded` for `type.googleapis.com/com.example.ItemAdded`.
  package static func shortTypeName(_ typeURL: String) -> String {
    let separators: Set<Character> = [".", "/"]
    guard let last = typeURL.lastIndex(where: { separators.contains($0) }) else { return typeURL }
    return String(typeURL[typeURL.index(after: last)...])
  }
}

extension SubjectPattern {
  /// All commands to the entities of a service.
  package static func everyCommand(of service: ServiceName) -> SubjectPattern {
    below(["cs", "cmd", service.text])
  }

  /// All events of a service.
  package static func everyEvent(of service: ServiceName) -> SubjectPattern {
    below(["cs", "evt", service.text])
  }

  /// - Parameter tokens: plain words, at least one.
  private static func below(_ tokens: [String]) -> SubjectPattern {
    // A name of a service is a legal token, so the other value is never used.
    SubjectPattern((tokens + [">"]).joined(separator: "."))
      ?? SubjectPattern(Subject(tokens: tokens))
  }
}

/// The last token of the subjects of replicated entities.
package enum ReplicaTopic: String, Sendable {
  /// Publication: a change.
  case delta
  /// Request: a change to be confirmed.
  case write
  /// Request: the whole copy of one entity.
  case read
  /// Publication: the digest of all copies of a node.
  case summary
  /// Request: digests of parts.
  case compare
}
