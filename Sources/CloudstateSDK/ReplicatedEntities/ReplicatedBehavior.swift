/// What a replicated entity does: one ``OnCommand`` for each method of its service that answers once,
/// one ``OnStreamedCommand`` for each that streams its answers.
///
/// Mistakes that the compiler cannot see stop ``CloudstateServer`` at its start, as for ``Behavior``.
public struct ReplicatedBehavior<State: ReplicatedValue>: Sendable {
  private(set) var commands: [String: OnCommand<ReplicatedContext<State>>] = [:]
  private(set) var streamedCommands: [String: OnStreamedCommand<State>] = [:]
  /// What was declared twice, in words for people.
  private(set) var duplicates: [String] = []

  init(parts: [ReplicatedBehaviorPart<State>]) {
    for part in parts {
      if commands[part.name] != nil || streamedCommands[part.name] != nil {
        duplicates.append("command \(part.name)")
      }
      switch part.kind {
      case .command(let handler): commands[part.name] = handler
      case .streamedCommand(let handler): streamedCommands[part.name] = handler
      }
    }
  }
}

/// One declaration of a ``ReplicatedBehavior``; made by ``ReplicatedBehaviorBuilder``.
public struct ReplicatedBehaviorPart<State: ReplicatedValue>: Sendable {
  enum Kind: Sendable {
    case command(OnCommand<ReplicatedContext<State>>)
    case streamedCommand(OnStreamedCommand<State>)
  }

  let name: String
  let kind: Kind
}

/// Gathers the declarations of ``ReplicatedEntity/behavior``.
@resultBuilder
public enum ReplicatedBehaviorBuilder<State: ReplicatedValue> {
  /// Takes a command handler.
  public static func buildExpression(
    _ handler: OnCommand<ReplicatedContext<State>>
  ) -> ReplicatedBehaviorPart<State> {
    ReplicatedBehaviorPart(name: handler.name, kind: .command(handler))
  }

  /// Takes the handler of a streamed command.
  public static func buildExpression(
    _ handler: OnStreamedCommand<State>
  ) -> ReplicatedBehaviorPart<State> {
    ReplicatedBehaviorPart(name: handler.name, kind: .streamedCommand(handler))
  }

  /// Joins all declarations.
  public static func buildBlock(
    _ parts: ReplicatedBehaviorPart<State>...
  ) -> ReplicatedBehavior<State> { ReplicatedBehavior(parts: parts) }
}
