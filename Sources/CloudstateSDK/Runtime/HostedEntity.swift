import CloudstateProtocol

/// One entity kind of a server, without its Swift type.
struct HostedEntity: Sendable {
  /// A method as its handler declares it.
  struct Method: Sendable {
    let name: String
    let inputType: String
    let outputType: String
  }

  let serviceName: String
  let persistenceID: String
  let passivationTimeout: Duration?
  /// Sorted by name.
  let methods: [Method]
  /// What the behavior declares twice, in words.
  let duplicates: [String]
  /// Makes an instance from its id and its newest snapshot.
  let activate:
    @Sendable (String, Cloudstate_Eventsourced_EventSourcedSnapshot?) throws(EntityFault)
      -> any ActiveEntity

  init<Entity: EventSourcedEntity>(_ type: Entity.Type) {
    let behavior = Entity.behavior
    self.serviceName = Entity.serviceName
    self.persistenceID = Entity.persistenceID
    self.passivationTimeout = Entity.passivationTimeout
    self.methods = behavior.commands.values
      .map { Method(name: $0.name, inputType: $0.inputType, outputType: $0.outputType) }
      .sorted { $0.name < $1.name }
    self.duplicates = behavior.duplicates
    self.activate = { (entityID, snapshot) throws(EntityFault) in
      try EntityInstance<Entity>(entityID: entityID, snapshot: snapshot, behavior: behavior)
    }
  }
}
