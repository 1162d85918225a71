import CloudstateModel

/// How a command came about: the client's command, and the forwards and side effects that led from it to
/// this one. A value; each step makes a longer one.
struct CommandChain: Sendable {
  /// More steps than this are taken for a circle: nobody would wait for their end.
  static let maximumSteps = 16
  /// Commands that may follow from one of a client, over all branches: effects that have effects grow faster
  /// than a chain gets long.
  static let maximumFollowers = 10_000

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
  /// Commands that may still follow from this one.
  let allowance: Int
  /// From the nearest cause to the client's command, in words.
  let causes: [String]

  /// The client's command, or the call that hands an event over.
  init(name: String, deadline: UInt64?, idempotencyKey: String?) {
    self.init(
      name: name, deadline: deadline, idempotencyKey: idempotencyKey,
      allowance: Self.maximumFollowers, causes: [])
  }

  /// A chain that began on another node.
  init(
    name: String, deadline: UInt64?, idempotencyKey: String?, allowance: Int, causes: [String]
  ) {
    self.name = name
    self.deadline = deadline
    self.idempotencyKey = idempotencyKey
    self.allowance = allowance
    self.causes = causes
  }

  /// Whether nothing led to this command but a client or an event.
  var isFirst: Bool { causes.isEmpty }

  /// Whether the command is too far from the client's, or one of too many.
  var isTooLong: Bool { causes.count > Self.maximumSteps || allowance < 0 }

  /// The chain of the command that this one was forwarded to. Its key is made from this one's, so that the
  /// repeated command is forwarded to the same remembered answer.
  ///
  /// - Parameter siblings: commands that follow from this one, the forward included.
  func forwarded(to call: FunctionCall, of siblings: Int) -> CommandChain {
    adding(.forward, call, of: siblings, deadline: deadline, suffix: "/forward")
  }

  /// The chain of the command's side effect number `index`. Its key is made from this one's, so that the
  /// repeated command does not repeat its effects on entities. What was decided happens, also when the client
  /// has stopped waiting.
  ///
  /// - Parameter siblings: commands that follow from this one, the effect included.
  func effect(_ call: FunctionCall, index: Int, of siblings: Int) -> CommandChain {
    adding(.effect, call, of: siblings, deadline: nil, suffix: "/effect-\(index)")
  }

  private func adding(
    _ step: Step, _ call: FunctionCall, of siblings: Int, deadline: UInt64?, suffix: String
  ) -> CommandChain {
    CommandChain(
      name: call.description, deadline: deadline,
      idempotencyKey: idempotencyKey.map { $0 + suffix },
      // What is left is shared, so that all branches together keep to it.
      allowance: allowance < siblings ? -1 : (allowance - siblings) / max(siblings, 1),
      causes: ["\(step.rawValue) \(name)"] + causes)
  }

  /// The causes, one a line, as a report to the user function ends with (proxy behaviour, section 6.4).
  var trace: String { causes.map { "\n  \($0)" }.joined() }
}
