import CloudstateProtocol
import TCKProtocol

/// What clients call and what the interceptor then sees of replicated entities, see ``CRDTScript`` and
/// ``ProxyEntityScript``:
///
/// | Step | Meaning |
/// |---|---|
/// | `call [chg(1)] gives pn(1)`, `call two [] gives ""` | a client calls and gets this state |
/// | `call [fail(t)] fails "t"` | the call ends with an error of this text |
/// | `post [chg(1)] gives {...}`, `post two gives {}`, `post [fail(t)] fails "t"` | as JSON over HTTP |
/// | `open A {empty}` | client A calls `ProcessStreamed` |
/// | `A gets vt(true,1,1)` | client A receives this state |
/// | `A leaves` | client A has received nothing more, and cancels |
/// | `conn I`, `conn two I` | a new connection begins with `init` |
/// | `in C1 []`, `in CS1 {}`, `in SC1`, `in two C1 []` | the proxy sends this |
/// | `out R1 pn(0)`, `out M1 pn(1)`, `out two R1 ""` | the user function answers this |
/// | `closed`, `closed two` | the connection ends in both directions |
struct ProxyCRDTScript: Sendable {
  /// The first part of the entity id.
  let idPrefix: String
  private let text: String

  init(parsing text: String, idPrefix: String) throws(NotationError) {
    self.idPrefix = idPrefix
    self.text = text
    _ = try steps(entityID: "\(idPrefix)-1")
  }

  func steps(entityID: String) throws(NotationError) -> [ProxyCRDTStep] {
    try text.topLevelParts(separator: ";").map { part throws(NotationError) in
      try ProxyCRDTStep(parsing: part, entityID: entityID)
    }
  }
}

/// What the notation says of one step.
enum ProxyCRDTStep: Sendable {
  enum Result: Sendable {
    case response(CRDTMessages.Response)
    case failure(String)
  }

  case call(ServiceRole, CRDTMessages.Request, Result)
  case post(ServiceRole, CRDTMessages.Request, HTTPExpectation)
  case open(client: String, CRDTMessages.StreamedRequest)
  case receives(client: String, CRDTMessages.Response)
  case leaves(client: String)
  case connection(ServiceRole)
  case input(ServiceRole, CRDTMessages.Input)
  case output(ServiceRole, CRDTMessages.Output)
  case closed(ServiceRole)

  init(parsing text: Substring, entityID: String) throws(NotationError) {
    var scanner = NotationScanner(text)
    let verb = scanner.word()
    var role = ServiceRole.model
    if scanner.take("two") { role = .two } else if scanner.take("configured") { role = .configured }
    switch verb {
    case "call":
      let request = try scanner.request(entityID: entityID)
      if scanner.take("gives") {
        self = .call(role, request, .response(try scanner.response()))
      } else {
        try scanner.expect("fails")
        self = .call(role, request, .failure(try scanner.quoted()))
      }
    case "post":
      let request = try scanner.request(entityID: entityID)
      if scanner.take("gives") {
        self = .post(role, request, .body(trimmed(scanner.remainder())))
      } else {
        try scanner.expect("fails")
        self = .post(role, request, .failure(try scanner.quoted()))
      }
    case "open":
      let client = try scanner.name()
      self = .open(client: client, try scanner.streamedRequest(entityID: entityID))
    case "conn":
      try scanner.expect("I")
      self = .connection(role)
    case "in":
      guard
        case .send(var input, _) = try CRDTStep(parsing: scanner.remainder(), entityID: entityID)
      else { throw scanner.error("expected what a proxy sends") }
      if case .command(var command) = input.message, role != .model {
        command.name = role.methodName
        input.command = command
      }
      self = .input(role, input)
    case "out": self = .output(role, try scanner.answer(entityID: entityID))
    case "closed": self = .closed(role)
    default:
      if scanner.take("gets") {
        self = .receives(client: verb, try scanner.response())
      } else {
        try scanner.expect("leaves")
        self = .leaves(client: verb)
      }
    }
    try scanner.expectEnd()
  }
}
