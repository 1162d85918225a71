/// One conversation, or several, with an entity of a model, in the notation of the specification of
/// the compatibility kit (section 1.7). Steps are separated by `;`:
///
/// | Step | Meaning |
/// |---|---|
/// | `I` | open a stream and send `init` |
/// | `I with snapshot{5, ABCDE}` | the same with a snapshot up to event 5 |
/// | `I with state D` | the same with a stored value |
/// | `event{6, F}` | replay an event |
/// | `C1 [emit(A), effect(x)]` | send command 1 |
/// | `R1 "A" +ev(A)+snap(A)+se(x)` | expect a reply with these extras and nothing else |
/// | `FW1 x +ev(A)` | expect a forward |
/// | `X1 "t"` | expect a failure that asks for no restart |
/// | `X1 "t" with restart` | expect a failure that asks for one |
/// | `X1 "t" or restart` | either; ``EntityProcedure`` says how it goes on |
/// | `P` | half-close, and expect the stream to complete without further messages |
///
/// Actions of a command are `emit(v)`, `update(v)`, `delete`, `forward(x)`, `effect(x)`, `effectS(x)`
/// (synchronous) and `fail(t)`; extras are `ev`, `snap`, `up(v)`, `del`, `se` and `seS`. Where a target
/// stands, `id` is the entity id of the test.
struct EntityScript: Sendable {
  let steps: [EntityStep]

  init(parsing text: String) throws(NotationError) {
    var steps: [EntityStep] = []
    for part in text.split(separator: ";") { steps.append(try EntityStep(parsing: part)) }
    self.steps = steps
  }
}

extension EntityScript: ExpressibleByStringLiteral {
  /// For the cases of this module; a mistake in one is a bug.
  init(stringLiteral text: String) {
    do { try self.init(parsing: text) } catch { preconditionFailure("\(error)") }
  }
}

/// What the notation says of one step.
enum EntityStep: Hashable, Sendable {
  case open(EntityStart)
  case event(sequence: Int64, value: String)
  case command(id: Int64, actions: [RequestedAction])
  case expect(ExpectedReply)
  case passivate

  init(parsing text: Substring) throws(NotationError) {
    var scanner = NotationScanner(text)
    _ = scanner.take("new connection:")
    switch scanner.word() {
    case "I": self = .open(try EntityStart(&scanner))
    case "event":
      let (sequence, value) = try numbered(&scanner)
      self = .event(sequence: sequence, value: value)
    case "C":
      let id = try scanner.number()
      self = .command(id: id, actions: try RequestedAction.list(&scanner))
    case "R":
      let id = try scanner.number()
      self = .expect(
        ExpectedReply(
          commandID: id, outcome: .reply(try scanner.quoted()), extras: try Extras(&scanner)))
    case "FW":
      let id = try scanner.number()
      self = .expect(
        ExpectedReply(
          commandID: id, outcome: .forward(scanner.plain()), extras: try Extras(&scanner)))
    case "X":
      let id = try scanner.number()
      let text = try scanner.quoted()
      let restart: RestartRule =
        scanner.take("with restart") ? .required : scanner.take("or restart") ? .allowed : .never
      self = .expect(
        ExpectedReply(commandID: id, outcome: .failure(text, restart), extras: Extras()))
    case "P": self = .passivate
    default: throw scanner.error("expected I, event, C, R, FW, X or P")
    }
    try scanner.expectEnd()
  }
}

/// With what an entity is activated.
struct EntityStart: Hashable, Sendable {
  struct Snapshot: Hashable, Sendable {
    let sequence: Int64
    let value: String
  }

  var snapshot: Snapshot?
  var state: String?

  init() {}

  fileprivate init(_ scanner: inout NotationScanner) throws(NotationError) {
    guard scanner.take("with") else { return }
    switch scanner.word() {
    case "snapshot":
      let (sequence, value) = try numbered(&scanner)
      snapshot = Snapshot(sequence: sequence, value: value)
    case "state": state = scanner.plain()
    default: throw scanner.error("expected snapshot or state")
    }
  }
}

/// One action of a command.
enum RequestedAction: Hashable, Sendable {
  case emit(String)
  case update(String)
  case delete
  case forward(String)
  case effect(String, synchronous: Bool)
  case fail(String)

  static func list(
    _ scanner: inout NotationScanner
  ) throws(NotationError) -> [RequestedAction] {
    try scanner.list("[", "]").map { text throws(NotationError) in
      var scanner = NotationScanner(text)
      let action = try RequestedAction(&scanner)
      try scanner.expectEnd()
      return action
    }
  }

  private init(_ scanner: inout NotationScanner) throws(NotationError) {
    switch scanner.word() {
    case "emit": self = .emit(try scanner.enclosed("(", ")"))
    case "update": self = .update(try scanner.enclosed("(", ")"))
    case "delete": self = .delete
    case "forward": self = .forward(try scanner.enclosed("(", ")"))
    case "effect": self = .effect(try scanner.enclosed("(", ")"), synchronous: false)
    case "effectS": self = .effect(try scanner.enclosed("(", ")"), synchronous: true)
    case "fail": self = .fail(try scanner.enclosed("(", ")"))
    default: throw scanner.error("expected an action")
    }
  }
}

/// Whether a failure may ask the proxy to rebuild the entity.
enum RestartRule: Hashable, Sendable {
  case never, allowed, required
}

/// What a command is to be answered with.
struct ExpectedReply: Hashable, Sendable {
  enum Outcome: Hashable, Sendable {
    case reply(String)
    case forward(String)
    case failure(String, RestartRule)
  }

  let commandID: Int64
  let outcome: Outcome
  let extras: Extras
}

/// What else a reply holds.
struct Extras: Hashable, Sendable {
  enum StateAction: Hashable, Sendable {
    case update(String)
    case delete
  }

  struct Effect: Hashable, Sendable {
    let target: String
    let synchronous: Bool
  }

  var events: [String] = []
  var snapshot: String?
  var stateAction: StateAction?
  var effects: [Effect] = []

  init() {}

  fileprivate init(_ scanner: inout NotationScanner) throws(NotationError) {
    while scanner.take("+") {
      switch scanner.word() {
      case "ev": events += try scanner.list("(", ")")
      case "snap": snapshot = try scanner.enclosed("(", ")")
      case "up": stateAction = .update(try scanner.enclosed("(", ")"))
      case "del": stateAction = .delete
      case "se": effects += try targets(&scanner, synchronous: false)
      case "seS": effects += try targets(&scanner, synchronous: true)
      default: throw scanner.error("expected ev, snap, up, del, se or seS")
      }
    }
  }

  private func targets(
    _ scanner: inout NotationScanner, synchronous: Bool
  ) throws(NotationError) -> [Effect] {
    try scanner.list("(", ")").map { Effect(target: $0, synchronous: synchronous) }
  }
}

/// `{5, ABC}`.
private func numbered(
  _ scanner: inout NotationScanner
) throws(NotationError) -> (number: Int64, value: String) {
  let parts = try scanner.list("{", "}")
  guard parts.count == 2, let number = Int64(parts[0]) else {
    throw scanner.error("expected a number and a value")
  }
  return (number, parts[1])
}
