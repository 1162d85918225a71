import CloudstateProtocol
import SwiftProtobuf

/// What an action does: one ``OnUnary``, ``OnStreamedIn``, ``OnStreamedOut`` or ``OnStreamed`` for each
/// method of its service, as the method streams.
///
/// Mistakes that the compiler cannot see (a method without handler, a handler of another shape or with
/// another type than the service declares) stop ``CloudstateServer`` at its start.
public struct ActionMethods: Sendable {
  private(set) var byName: [String: ActionMethod] = [:]
  /// What was declared twice, in words for people.
  private(set) var duplicates: [String] = []

  init(_ methods: [ActionMethod]) {
    for method in methods where byName.updateValue(method, forKey: method.name) != nil {
      duplicates.append("method \(method.name)")
    }
  }
}

/// One declaration of ``ActionMethods``; made by ``ActionMethodsBuilder``.
public struct ActionMethodPart: Sendable {
  let method: ActionMethod
}

/// Gathers the declarations of ``Action/methods``.
@resultBuilder
public enum ActionMethodsBuilder {
  /// Takes a handler of one request and one answer.
  public static func buildExpression(_ handler: OnUnary) -> ActionMethodPart {
    ActionMethodPart(method: handler.method)
  }

  /// Takes a handler of many requests and one answer.
  public static func buildExpression(_ handler: OnStreamedIn) -> ActionMethodPart {
    ActionMethodPart(method: handler.method)
  }

  /// Takes a handler of one request and many answers.
  public static func buildExpression(_ handler: OnStreamedOut) -> ActionMethodPart {
    ActionMethodPart(method: handler.method)
  }

  /// Takes a handler of many requests and many answers.
  public static func buildExpression(_ handler: OnStreamed) -> ActionMethodPart {
    ActionMethodPart(method: handler.method)
  }

  /// Joins all declarations.
  public static func buildBlock(_ parts: ActionMethodPart...) -> ActionMethods {
    ActionMethods(parts.map(\.method))
  }
}

/// One method of an action, without its Swift types.
struct ActionMethod: Sendable {
  /// How the method runs. Both kinds throw what the user's closure throws, and ``EntityFault`` for an
  /// unreadable request or an answer that cannot be sent.
  enum Body: Sendable {
    /// At once, on the event loop of the call.
    case immediate(
      @Sendable (ActionContext, Google_Protobuf_Any) throws -> Cloudstate_Action_ActionResponse)
    /// In a task of its own, which takes requests and sends responses until it returns.
    case task(@Sendable (ActionContext, RequestQueue, ResponseQueue) async throws -> Void)
  }

  let name: String
  /// The full names of the message types, to be compared with the service's declaration.
  let inputType: String
  let outputType: String
  let shape: MethodShape
  let body: Body
}
