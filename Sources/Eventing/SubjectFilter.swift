package import CloudstateModel

/// Chooses events by the subjects of a tail. No patterns means every event of the service.
///
/// The filter works in three steps so that what nobody asked for costs little: shards that can hold no
/// match are not read, batches of other entities are skipped whole, and only then is a subject built
/// and matched.
package struct SubjectFilter: Sendable {
  /// What the patterns that were asked for have in common with the events of the service.
  private let patterns: [Candidate]
  private let matchesEverything: Bool
  private let service: ServiceName

  /// One pattern, with what it demands of the entity taken apart.
  private struct Candidate {
    let pattern: SubjectPattern
    /// Escaped tokens; `nil` where the pattern has a wildcard.
    let persistenceToken: String?
    let entityToken: String?
  }

  package init(patterns: [SubjectPattern], service: ServiceName) {
    self.service = service
    var candidates: [Candidate] = []
    var everything = patterns.isEmpty
    let events = Self.events(of: service)
    for pattern in patterns {
      // Who may follow a pattern was asked about nothing more than this.
      guard let common = events.flatMap(pattern.intersection) else { continue }
      everything = everything || common == events
      candidates.append(
        Candidate(
          pattern: common, persistenceToken: Self.literal(common.tokens[3]),
          entityToken: Self.literal(common.tokens[4])))
    }
    self.patterns = candidates
    matchesEverything = everything
  }

  /// The service as it stands in subjects.
  package var serviceToken: String { SubjectToken.escape(service.text) }

  /// Whether no event of the service can ever match: the caller has probably misspelt something.
  package var matchesNothing: Bool { !matchesEverything && patterns.isEmpty }

  /// The shards that can hold matching events, in order.
  package func relevantShards(shardCount: UInt32) -> [UInt32] {
    if matchesEverything { return Array(0..<shardCount) }
    var shards: Set<UInt32> = []
    for candidate in patterns {
      guard let persistence = candidate.persistenceToken, let entity = candidate.entityToken else {
        return Array(0..<shardCount)
      }
      // A token that is the escape of nothing matches no entity.
      guard let persistenceID = SubjectToken.unescape(persistence),
        let entityID = SubjectToken.unescape(entity)
      else { continue }
      let key = EntityKey(persistenceID: persistenceID, entityID: entityID)
      shards.insert(key.shardIndex(shardCount: shardCount))
    }
    return shards.sorted()
  }

  /// A view of the filter for the events of one entity, or `nil` if none of them can match.
  package func narrowed(to entity: EntityKey) -> EntityFilter? {
    if matchesEverything { return EntityFilter(service: service, entity: entity, patterns: nil) }
    let persistenceToken = SubjectToken.escape(entity.persistenceID)
    let entityToken = SubjectToken.escape(entity.entityID)
    let fitting = patterns.filter {
      sameBytes($0.persistenceToken ?? persistenceToken, persistenceToken)
        && sameBytes($0.entityToken ?? entityToken, entityToken)
    }
    guard !fitting.isEmpty else { return nil }
    return EntityFilter(service: service, entity: entity, patterns: fitting.map(\.pattern))
  }

  /// The filter for one batch: all its events belong to one entity.
  package struct EntityFilter {
    let service: ServiceName
    let entity: EntityKey
    /// `nil` when everything matches.
    let patterns: [SubjectPattern]?

    /// The subject of an event of this entity, if it is wanted.
    package func subject(ofType typeURL: String) -> Subject? {
      let subject = Subject.event(service: service, entity: entity, typeURL: typeURL)
      guard let patterns else { return subject }
      return patterns.contains { $0.matches(subject) } ? subject : nil
    }
  }

  /// The pattern of exactly the events of a service: unlike ``SubjectPattern/everyEvent(of:)`` with all six
  /// tokens. `nil` for a name that is too long for any event.
  private static func events(of service: ServiceName) -> SubjectPattern? {
    SubjectPattern("cs.evt.\(SubjectToken.escape(service.text)).*.*.*")
  }

  private static func literal(_ token: String) -> String? { token == "*" ? nil : token }
}
