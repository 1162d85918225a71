package import DynamicProtobuf

/// One entity (a gRPC service) of a validated specification.
package struct ServedEntity: Sendable {
  /// Full gRPC service name.
  package let serviceName: String
  package let kind: EntityKind
  /// Namespace of the entity's state; not empty for kinds that have state.
  package let persistenceID: String
  /// Idle time before an instance is put away; `nil` = the node's default. At most
  /// ``maximumPassivationTimeout``.
  package let passivationTimeout: Duration?
  /// How the function's messages are to be read; of replicated entities only.
  package let crdtDialect: CrdtDialect?
  /// By short method name.
  package let methods: [String: ServedMethod]

  /// Longer times are as good as none, and calculations with them must not overflow.
  package static let maximumPassivationTimeout = Duration.seconds(365 * 24 * 3600)
}

/// One method of an entity.
package struct ServedMethod: Sendable {
  /// Short name, as in `Command.name`.
  package let name: String
  /// `/package.Service/Method`.
  package let path: String
  /// `type.googleapis.com/` and the declared input type.
  package let inputTypeURL: String
  /// `type.googleapis.com/` and the declared output type.
  package let outputTypeURL: String
  /// Reads the entity id from a request (proxy behaviour, section 4.3); `nil` for kinds without a key.
  package let keyExtractor: EntityKeyExtractor?
  /// Numbers of the key fields in the order of their declaration.
  package let keyFieldNumbers: [Int32]
  package let isClientStreaming: Bool
  package let isServerStreaming: Bool
  /// Whose events the method is called with, besides the commands of clients.
  package let subscription: EventSubscription?

  /// Whether calls of the two methods are routed and typed alike.
  func isEquivalent(to other: ServedMethod) -> Bool {
    path == other.path && inputTypeURL == other.inputTypeURL
      && outputTypeURL == other.outputTypeURL && keyFieldNumbers == other.keyFieldNumbers
      && isClientStreaming == other.isClientStreaming
      && isServerStreaming == other.isServerStreaming && subscription == other.subscription
  }
}
