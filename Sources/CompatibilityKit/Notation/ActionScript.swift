/// What is sent to the action of the model, and what is to come back, in the notation of the
/// specification of the compatibility kit (section 5.1).
///
/// Requests are separated by `;`, the groups of one request by `/`, the steps of a group by `,`:
/// `reply(m)`, `fwd(x)`, `fail(m)`, `eff(x)` and `effS(x)` (synchronous). `(none)` is a group without
/// steps. Expected responses are separated by `;`: `Reply(m)`, `Fwd(x)`, `Fail(m)` or `None`, and then
/// the side effects `e(x)` and `eS(x)`, separated by `,`.
struct ActionScript: Sendable {
  let requests: [[ActionGroup]]
  let responses: [ExpectedResponse]

  init(sending sent: String, expecting expected: String) throws(NotationError) {
    requests = try sent.split(separator: ";").map { request throws(NotationError) in
      try request.split(separator: "/").map { group throws(NotationError) in
        try ActionGroup(parsing: group)
      }
    }
    responses = try expected.split(separator: ";").map { response throws(NotationError) in
      try ExpectedResponse(parsing: response)
    }
  }
}

/// The steps of one response.
struct ActionGroup: Hashable, Sendable {
  enum Step: Hashable, Sendable {
    case reply(String)
    case forward(String)
    case fail(String)
    case effect(String, synchronous: Bool)
  }

  let steps: [Step]

  fileprivate init(parsing text: Substring) throws(NotationError) {
    var scanner = NotationScanner(text)
    var steps: [Step] = []
    if !scanner.take("(none)") {
      repeat {
        let symbol = scanner.word()
        let value = try scanner.enclosed("(", ")")
        switch symbol {
        case "reply": steps.append(.reply(value))
        case "fwd": steps.append(.forward(value))
        case "fail": steps.append(.fail(value))
        case "eff": steps.append(.effect(value, synchronous: false))
        case "effS": steps.append(.effect(value, synchronous: true))
        default: throw scanner.error("expected reply, fwd, fail, eff or effS")
        }
      } while scanner.take(",")
    }
    try scanner.expectEnd()
    self.steps = steps
  }
}

/// One response of the action.
struct ExpectedResponse: Hashable, Sendable {
  enum Outcome: Hashable, Sendable {
    case reply(String)
    case forward(String)
    case failure(String)
    case none
  }

  private(set) var outcome = Outcome.none
  private(set) var effects: [Extras.Effect] = []

  fileprivate init(parsing text: Substring) throws(NotationError) {
    var scanner = NotationScanner(text)
    if !scanner.take("None") {
      let symbol = scanner.word()
      let value = try scanner.enclosed("(", ")")
      switch symbol {
      case "Reply": outcome = .reply(value)
      case "Fwd": outcome = .forward(value)
      case "Fail": outcome = .failure(value)
      default: throw scanner.error("expected Reply, Fwd, Fail or None")
      }
    }
    while scanner.take(",") {
      let symbol = scanner.word()
      guard symbol == "e" || symbol == "eS" else { throw scanner.error("expected e or eS") }
      effects.append(
        Extras.Effect(target: try scanner.enclosed("(", ")"), synchronous: symbol == "eS"))
    }
    try scanner.expectEnd()
  }
}
