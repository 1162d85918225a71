/// What a client calls and what the interceptor then sees, in a notation like that of
/// ``EntityScript``. `two` and `configured` name the other services of the model:
///
/// | Step | Meaning |
/// |---|---|
/// | `call [emit(A)] gives "A"` | a client calls `Process` and gets this message |
/// | `call [fail(t)] fails "t"` | the call ends with an error of this text |
/// | `call configured gives ""` | a client calls `Call` |
/// | `post [emit(A)] gives "A"`, `post two gives ""` | the same over HTTP with JSON |
/// | `conn I`, `conn two I` | a new connection begins with `init` |
/// | `in C1 [emit(A)]`, `in event{1, A}` | the proxy sends this |
/// | `in two C1` | the proxy sends the command `Call` |
/// | `out R1 "A" +ev(A)`, `out two R1 ""` | the user function answers this |
/// | `closed`, `closed configured` | the connection ends in both directions |
struct ProxyEntityScript: Sendable {
  let steps: [ProxyEntityStep]

  init(parsing text: String) throws(NotationError) {
    var steps: [ProxyEntityStep] = []
    for part in text.split(separator: ";") { steps.append(try ProxyEntityStep(parsing: part)) }
    self.steps = steps
  }
}

extension ProxyEntityScript: ExpressibleByStringLiteral {
  /// For the cases of this module; a mistake in one is a bug.
  init(stringLiteral text: String) {
    do { try self.init(parsing: text) } catch { preconditionFailure("\(error)") }
  }
}

/// As ``EntityProcedure``, through the proxy.
struct ProxyEntityProcedure: Sendable {
  var script: ProxyEntityScript
  var ifRestarted: ProxyEntityScript?
  var ifKept: ProxyEntityScript?
}

/// A service of a model.
enum ServiceRole: String, CaseIterable, Sendable {
  case model, two, configured
}

/// What the notation says of one step.
enum ProxyEntityStep: Hashable, Sendable {
  enum Result: Hashable, Sendable {
    case message(String)
    case failure(String)
  }

  case call(ServiceRole, actions: [RequestedAction], Result)
  case post(ServiceRole, actions: [RequestedAction], Result)
  case connection(ServiceRole)
  case event(sequence: Int64, value: String)
  case command(ServiceRole, id: Int64, actions: [RequestedAction])
  case reply(ServiceRole, ExpectedReply)
  case closed(ServiceRole)

  init(parsing text: Substring) throws(NotationError) {
    var scanner = NotationScanner(text)
    let verb = scanner.word()
    var role = ServiceRole.model
    if scanner.take("two") { role = .two } else if scanner.take("configured") { role = .configured }
    switch verb {
    case "call", "post":
      let actions = role == .model ? try RequestedAction.list(&scanner) : []
      let result: Result
      if scanner.take("gives") {
        result = .message(try scanner.quoted())
      } else {
        try scanner.expect("fails")
        result = .failure(try scanner.quoted())
      }
      self =
        verb == "call"
        ? .call(role, actions: actions, result) : .post(role, actions: actions, result)
    case "conn":
      try scanner.expect("I")
      self = .connection(role)
    case "in" where role == .model:
      switch try EntityStep(parsing: scanner.remainder()) {
      case .event(let sequence, let value): self = .event(sequence: sequence, value: value)
      case .command(let id, let actions): self = .command(role, id: id, actions: actions)
      default: throw scanner.error("expected an event or a command")
      }
    case "in":
      try scanner.expect("C")
      self = .command(role, id: try scanner.number(), actions: [])
    case "out":
      guard case .expect(let reply) = try EntityStep(parsing: scanner.remainder()) else {
        throw scanner.error("expected a reply")
      }
      self = .reply(role, reply)
    case "closed": self = .closed(role)
    default: throw scanner.error("expected call, post, conn, in, out or closed")
    }
    try scanner.expectEnd()
  }
}
