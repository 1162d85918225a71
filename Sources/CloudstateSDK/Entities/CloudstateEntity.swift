/// What all kinds of entities have in common. Conform to ``EventSourcedEntity``, ``ValueEntity`` or
/// ``ReplicatedEntity`` instead: a type that is none of them cannot be hosted.
public protocol CloudstateEntity: SendableMetatype {
  /// The full name of the gRPC service whose commands the entity handles, such as
  /// `example.Counter`. It must be in the descriptors given to ``CloudstateServer``.
  static var serviceName: String { get }

  /// The namespace of the stored data. It is part of the address of all of it: changing it makes
  /// every instance start empty.
  static var persistenceID: String { get }

  /// How long an instance may be idle before the sidecar passivates it. Default `nil`: the sidecar's
  /// own setting.
  static var passivationTimeout: Duration? { get }
}

extension CloudstateEntity {
  /// The sidecar's setting.
  public static var passivationTimeout: Duration? { nil }
}
