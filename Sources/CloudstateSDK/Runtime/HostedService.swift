import CloudstateProtocol
import SwiftProtobuf

/// One service of a server, an entity kind or an action, without its Swift type.
struct HostedService: Sendable {
  /// How the service is run.
  enum Kind: Sendable {
    /// Makes an instance from its id and its newest snapshot.
    case eventSourced(
      @Sendable (String, Cloudstate_Eventsourced_EventSourcedSnapshot?) throws(EntityFault)
        -> any ActiveEntity)
    /// Makes an instance from its id and its stored value.
    case value(
      @Sendable (String, Google_Protobuf_Any?) throws(EntityFault) -> any ActiveValueEntity)
    /// Makes an instance from its id and what the sidecar knows of its value.
    case replicated(
      @Sendable (String, ReplicatedDelta?) throws(EntityFault) -> any ActiveReplicatedEntity)
    /// Finds the handlers of methods by their short names.
    case action([String: ActionMethod])

    /// The kind alone.
    var name: KindName {
      switch self {
      case .eventSourced: .eventSourced
      case .value: .value
      case .replicated: .replicated
      case .action: .action
      }
    }
  }

  /// The kinds of services, named as in discovery (protocol section 1.1).
  enum KindName: String, CaseIterable {
    case eventSourced = "cloudstate.eventsourced.EventSourced"
    case value = "cloudstate.valueentity.ValueEntity"
    case replicated = "cloudstate.crdt.Crdt"
    case action = "cloudstate.action.ActionProtocol"

    /// For people, in the plural.
    var words: String {
      switch self {
      case .eventSourced: "event sourced entities"
      case .value: "value entities"
      case .replicated: "replicated entities"
      case .action: "actions"
      }
    }

    /// What handles a method of this shape is called in user code; `nil` if nothing can.
    func handler(of shape: MethodShape) -> String? {
      switch (self, shape) {
      case (.action, _): shape.handler
      case (_, .unary): "OnCommand"
      case (.replicated, .streamedOut): "OnStreamedCommand"
      default: nil
      }
    }
  }

  /// A method as its handler declares it.
  struct Method: Sendable {
    let name: String
    let inputType: String
    let outputType: String
    var shape = MethodShape.unary
    /// What the handler is called in user code.
    var handler = "OnCommand"
  }

  let serviceName: String
  let kind: Kind
  /// Empty for actions, which store nothing.
  let persistenceID: String
  let passivationTimeout: Duration?
  /// Sorted by name.
  let methods: [Method]
  /// What the behavior declares twice, in words.
  let duplicates: [String]
}

/// Which sides of a method stream.
enum MethodShape: Sendable {
  case unary, streamedIn, streamedOut, streamed

  init(clientStreaming: Bool, serverStreaming: Bool) {
    switch (clientStreaming, serverStreaming) {
    case (false, false): self = .unary
    case (true, false): self = .streamedIn
    case (false, true): self = .streamedOut
    case (true, true): self = .streamed
    }
  }

  /// Whether a call brings one message instead of a header and then any number.
  var takesOne: Bool { self == .unary || self == .streamedOut }

  /// What the handler of such a method is called in user code.
  var handler: String {
    switch self {
    case .unary: "OnUnary"
    case .streamedIn: "OnStreamedIn"
    case .streamedOut: "OnStreamedOut"
    case .streamed: "OnStreamed"
    }
  }
}

extension HostedService {
  init<Entity: EventSourcedEntity>(_ type: Entity.Type) {
    let behavior = Entity.behavior
    self.init(
      serviceName: Entity.serviceName,
      kind: .eventSourced { (entityID, snapshot) throws(EntityFault) in
        try EntityInstance<Entity>(entityID: entityID, snapshot: snapshot, behavior: behavior)
      },
      persistenceID: Entity.persistenceID, passivationTimeout: Entity.passivationTimeout,
      methods: Self.methods(behavior.commands), duplicates: behavior.duplicates)
  }

  init<Entity: ValueEntity>(_ type: Entity.Type) {
    let behavior = Entity.behavior
    self.init(
      serviceName: Entity.serviceName,
      kind: .value { (entityID, value) throws(EntityFault) in
        try ValueInstance<Entity.State>(entityID: entityID, value: value, behavior: behavior)
      },
      persistenceID: Entity.persistenceID, passivationTimeout: Entity.passivationTimeout,
      methods: Self.methods(behavior.commands), duplicates: behavior.duplicates)
  }

  init<Entity: ReplicatedEntity>(_ type: Entity.Type) {
    let behavior = Entity.behavior
    self.init(
      serviceName: Entity.serviceName,
      kind: .replicated { (entityID, value) throws(EntityFault) in
        try ReplicatedInstance<Entity>(entityID: entityID, value: value, behavior: behavior)
      },
      persistenceID: Entity.persistenceID, passivationTimeout: Entity.passivationTimeout,
      methods: (Self.methods(behavior.commands)
        + behavior.streamedCommands.values.map {
          Method(
            name: $0.name, inputType: $0.inputType, outputType: $0.outputType,
            shape: .streamedOut, handler: "OnStreamedCommand")
        }).sorted { $0.name < $1.name },
      duplicates: behavior.duplicates)
  }

  init(_ action: some Action) {
    let methods = action.methods
    self.init(
      serviceName: type(of: action).serviceName, kind: .action(methods.byName), persistenceID: "",
      passivationTimeout: nil,
      methods: methods.byName.values.map {
        Method(
          name: $0.name, inputType: $0.inputType, outputType: $0.outputType, shape: $0.shape,
          handler: $0.shape.handler)
      }.sorted { $0.name < $1.name },
      duplicates: methods.duplicates)
  }

  /// An entity of any kind; `nil` if it is of none.
  init?(entity: any CloudstateEntity.Type) {
    if let type = entity as? any EventSourcedEntity.Type {
      self.init(type)
    } else if let type = entity as? any ValueEntity.Type {
      self.init(type)
    } else if let type = entity as? any ReplicatedEntity.Type {
      self.init(type)
    } else {
      return nil
    }
  }

  private static func methods<Context>(_ commands: [String: OnCommand<Context>]) -> [Method] {
    commands.values
      .map { Method(name: $0.name, inputType: $0.inputType, outputType: $0.outputType) }
      .sorted { $0.name < $1.name }
  }
}
