public import SwiftProtobuf

/// What a value entity does: one ``OnCommand`` for each method of its service.
///
/// Mistakes that the compiler cannot see stop ``CloudstateServer`` at its start, as for ``Behavior``.
public struct ValueBehavior<State: Message>: Sendable {
  private(set) var commands: [String: OnCommand<ValueContext<State>>] = [:]
  /// What was declared twice, in words for people.
  private(set) var duplicates: [String] = []

  init(commands handlers: [OnCommand<ValueContext<State>>]) {
    for handler in handlers where commands.updateValue(handler, forKey: handler.name) != nil {
      duplicates.append("command \(handler.name)")
    }
  }
}

/// Gathers the declarations of ``ValueEntity/behavior``.
@resultBuilder
public enum ValueBehaviorBuilder<State: Message> {
  /// Takes a command handler.
  public static func buildExpression(
    _ handler: OnCommand<ValueContext<State>>
  ) -> OnCommand<ValueContext<State>> { handler }

  /// Joins all declarations.
  public static func buildBlock(
    _ handlers: OnCommand<ValueContext<State>>...
  ) -> ValueBehavior<State> { ValueBehavior(commands: handlers) }
}
