public import SwiftProtobuf

/// A kind of value entity: each instance is one message, or nothing, that commands read, replace and
/// delete.
///
/// A conforming type holds no state itself: the message lives in the ``ValueContext`` that command
/// handlers get, and is stored as a whole whenever a command changes it.
///
/// ```swift
/// enum Profiles: ValueEntity {
///   static let serviceName = "example.Profiles"
///   static let persistenceID = "profiles"
///
///   static var behavior: ValueBehavior<Profile> {
///     OnCommand("Rename") { (context, command: Rename) in
///       guard !command.name.isEmpty else { throw CommandFailure("A name must not be empty.") }
///       context.update { $0.name = command.name }
///     }
///     OnCommand("Get") { (context, _: GetProfile) in context.state ?? Profile() }
///     OnCommand("Forget") { (context, _: ForgetProfile) in context.delete() }
///   }
/// }
/// ```
public protocol ValueEntity: CloudstateEntity {
  /// The message that is stored; inferred from ``behavior``.
  associatedtype State: Message

  /// The commands of the entity. Read once, when a server or tester starts.
  @ValueBehaviorBuilder<State> static var behavior: ValueBehavior<State> { get }
}
