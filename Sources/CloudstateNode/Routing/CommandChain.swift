import CloudstateModel

/// How a command came about: the client's command, and the forwards and side effects that led from it to
/// this one. A value; each step makes a longer one.
struct CommandChain: Sendable {
  /// More steps than this are taken for a circle: nobody would wait for their end.
  static let maximumSteps = 16

  private enum Step: String, Sendable {
    case forward = "forwarded from"
    case effect = "side-effect of"
  }

  /// `service.method` of the command at the end of the chain.
  let name: String
  /// When nobody waits for the result any more, in nanoseconds of the monotonic clock.
  let deadline: UInt64?
  /// The key under which this command's answer is remembered, if the client gave one for its own.
  let idempotencyKey: String?
  /// From the nearest cause to the client's command.
  private let causes: [(step: Step, name: String)]

  /// The client's command.
  init(name: String, deadline: UInt64?, idempotencyKey: String?) {
    self.init(name: name, deadline: deadline, idempotencyKey: idempotencyKey, causes: [])
  }

  private init(
    name: String, deadline: UInt64?, idempotencyKey: String?,
    causes: [(step: Step, name: String)]
  ) {
    self.name = name
    self.deadline = deadline
    self.idempotencyKey = idempotencyKey
    self.causes = causes
  }

  var isTooLong: Bool { causes.count > Self.maximumSteps }

  /// The chain of the command that this one was forwarded to. Its key is made from this one's, so that the
  /// repeated command is forwarded to the same remembered answer.
  func forwarded(to call: FunctionCall) -> CommandChain {
    adding(.forward, call, deadline: deadline, suffix: "/forward")
  }

  /// The chain of the command's side effect number `index`. Its key is made from this one's, so that the
  /// repeated command does not repeat its effects on entities. What was decided happens, also when the client
  /// has stopped waiting.
  func effect(_ call: FunctionCall, index: Int) -> CommandChain {
    adding(.effect, call, deadline: nil, suffix: "/effect-\(index)")
  }

  private func adding(
    _ step: Step, _ call: FunctionCall, deadline: UInt64?, suffix: String
  ) -> CommandChain {
    CommandChain(
      name: call.description, deadline: deadline,
      idempotencyKey: idempotencyKey.map { $0 + suffix }, causes: [(step, name)] + causes)
  }

  /// The causes, one a line, as a report to the user function ends with (proxy behaviour, section 6.4).
  var trace: String { causes.map { "\n  \($0.step.rawValue) \($0.name)" }.joined() }
}
