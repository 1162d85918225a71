/// What an entity does: one ``OnCommand`` for each method of its service, one ``OnEvent`` for each type
/// of event it emits, and at most one ``Snapshots``.
///
/// Mistakes that the compiler cannot see (two handlers for one command, a method without handler, a
/// handler with another type than the service declares) stop ``CloudstateServer`` at its start, with
/// a message that names them.
public struct Behavior<Entity: EventSourcedEntity>: Sendable {
  private(set) var commands: [String: OnCommand<CommandContext<Entity>>] = [:]
  private(set) var eventsByType: [ObjectIdentifier: OnEvent<Entity>] = [:]
  private(set) var eventsByURL: [String: OnEvent<Entity>] = [:]
  private(set) var snapshots: Snapshots<Entity>?
  /// What was declared twice, in words for people.
  private(set) var duplicates: [String] = []

  init(parts: [BehaviorPart<Entity>]) {
    for part in parts {
      switch part.kind {
      case .command(let handler):
        if commands.updateValue(handler, forKey: handler.name) != nil {
          duplicates.append("command \(handler.name)")
        }
      case .event(let handler):
        eventsByType[handler.eventType] = handler
        if eventsByURL.updateValue(handler, forKey: handler.typeURL) != nil {
          duplicates.append("event \(handler.typeName)")
        }
      case .snapshots(let handler):
        if snapshots != nil { duplicates.append("Snapshots") }
        snapshots = handler
      }
    }
  }

  /// The handler of a stored event, whatever host its type URL names (protocol section 8).
  func eventHandler(forURL url: String) -> OnEvent<Entity>? {
    eventsByURL[url] ?? eventsByURL[canonicalTypeURL(url)]
  }
}

/// One declaration of a ``Behavior``; made by ``BehaviorBuilder``.
public struct BehaviorPart<Entity: EventSourcedEntity>: Sendable {
  enum Kind: Sendable {
    case command(OnCommand<CommandContext<Entity>>)
    case event(OnEvent<Entity>)
    case snapshots(Snapshots<Entity>)
  }

  let kind: Kind
}

/// Gathers the declarations of ``EventSourcedEntity/behavior``.
@resultBuilder
public enum BehaviorBuilder<Entity: EventSourcedEntity> {
  /// Takes a command handler.
  public static func buildExpression(
    _ handler: OnCommand<CommandContext<Entity>>
  ) -> BehaviorPart<Entity> {
    BehaviorPart(kind: .command(handler))
  }

  /// Takes an event handler.
  public static func buildExpression(_ handler: OnEvent<Entity>) -> BehaviorPart<Entity> {
    BehaviorPart(kind: .event(handler))
  }

  /// Takes the snapshot functions.
  public static func buildExpression(_ handler: Snapshots<Entity>) -> BehaviorPart<Entity> {
    BehaviorPart(kind: .snapshots(handler))
  }

  /// Joins all declarations.
  public static func buildBlock(_ parts: BehaviorPart<Entity>...) -> Behavior<Entity> {
    Behavior(parts: parts)
  }
}
