/// What subscriptions must hold between each other and with the entities (proxy behaviour, section 3).
enum EventSubscriptionChecks {
  /// - Throws: row 15, or that an event log belongs to no entity.
  static func check(_ entities: [ServedEntity]) throws(DiscoveryError) {
    for entity in entities {
      // In the order of their names, so that the same mistake always has the same text.
      let methods = entity.methods.values.sorted { $0.name < $1.name }
      var takers: [Taker: String] = [:]
      for method in methods {
        guard let subscription = method.subscription else { continue }
        try checkLog(subscription, of: method, in: entity, entities)
        let taker = Taker(subscription: subscription, inputTypeURL: method.inputTypeURL)
        if let other = takers.updateValue(method.name, forKey: taker) {
          throw DiscoveryError(
            "Service calls [\(other)] and [\(method.name)] of service [\(entity.serviceName)] consume "
              + "the same messages from event log [\(subscription.eventLog)]; give one of them another "
              + "consumer_group, so that both get each event.")
        }
      }
    }
  }

  private struct Taker: Hashable {
    let subscription: EventSubscription
    let inputTypeURL: String
  }

  private static func checkLog(
    _ subscription: EventSubscription, of method: ServedMethod, in entity: ServedEntity,
    _ entities: [ServedEntity]
  ) throws(DiscoveryError) {
    let logs = entities.filter(\.kind.hasEvents).map(\.persistenceID)
    guard !logs.contains(subscription.eventLog) else { return }
    throw DiscoveryError(
      "Service call [\(method.name)] of service [\(entity.serviceName)] consumes the event log "
        + "[\(subscription.eventLog)], but no entity here has that persistence_id. There are: "
        + (logs.isEmpty ? "none" : logs.sorted().joined(separator: ", ")))
  }
}

extension EntityKind {
  /// Whether changes are kept one by one; replicated entities merge them.
  fileprivate var hasEvents: Bool { self == .eventSourced || self == .valueEntity }
}
