import CloudstateProtocol
import TCKProtocol

/// One conversation, or several, with a replicated entity, in the notation of the specification of the
/// compatibility kit (sections 8 and 8.11), see also ``EntityScript``:
///
/// | Step | Meaning |
/// |---|---|
/// | `I`, `I(gc(1))` | open a stream and send `init`, with this value |
/// | `D(gc(1))` | send a change of other nodes |
/// | `delete` | tell that the entity was deleted |
/// | `C1 [inc(1), inc(2) with ALL]` | send command 1, with a write consistency |
/// | `CS1 {end_state gc(3), effects [a, b synchronous], empty}` | send a streamed command |
/// | `SC1` | tell that its client went away |
/// | `R1 gc(1) +gc(1)`, `R1 gc(1) +gc(1) ALL`, `R1 gc(1) +DEL` | expect a reply, and what it changes |
/// | `RS1 gc(0)`, `RS1 -` | expect a reply that accepts the stream |
/// | `FW1 x +gc(1)+se(a)`, `X1 "t"` | expect a forward, a failure |
/// | `M1 gc(1) end +se(a)` | expect a message of the stream, the last one |
/// | `SR1 +gc(1)` | expect the answer to `SC1` |
/// | `P` | half-close, and expect the stream to complete without further messages |
///
/// Where a target stands, `id` is the entity id of the test, also at its end, as in `X-id`.
struct CRDTScript: Sendable {
  /// The first part of the entity id tells the function the data type.
  let type: ReplicatedType
  private let text: String

  init(parsing text: String, type: ReplicatedType) throws(NotationError) {
    self.type = type
    self.text = text
    _ = try steps(entityID: type.rawValue)
  }

  /// What the text says for an entity of this id.
  func steps(entityID: String) throws(NotationError) -> [CRDTStep] {
    try text.topLevelParts(separator: ";").map { part throws(NotationError) in
      try CRDTStep(parsing: part, entityID: entityID)
    }
  }
}

/// What the notation says of one step.
enum CRDTStep: Sendable {
  typealias Input = Cloudstate_Crdt_CrdtStreamIn
  typealias Output = Cloudstate_Crdt_CrdtStreamOut

  case open(Input)
  /// A message, and how the notation calls it.
  case send(Input, String)
  case expect(Output)
  case passivate

  init(parsing text: Substring, entityID: String) throws(NotationError) {
    var scanner = NotationScanner(text)
    var input = Input()
    switch scanner.word() {
    case "I":
      input = CRDTMessages.start(entityID: entityID)
      if scanner.take("(") {
        input.init_p.delta = try scanner.change()
        try scanner.expect(")")
      }
      self = .open(input)
    case "D":
      try scanner.expect("(")
      input.delta = try scanner.change()
      try scanner.expect(")")
      self = .send(input, trimmed(text))
    case "delete":
      input.delete = Cloudstate_Crdt_CrdtDelete()
      self = .send(input, "delete")
    case "C":
      let id = try scanner.number()
      let request = try scanner.request(entityID: entityID)
      self = .send(CRDTMessages.command(id: id, request), "C\(id)")
    case "CS":
      let id = try scanner.number()
      let request = try scanner.streamedRequest(entityID: entityID)
      self = .send(CRDTMessages.command(id: id, request), "CS\(id)")
    case "SC":
      let id = try scanner.number()
      self = .send(CRDTMessages.cancellation(id: id, entityID: entityID), "SC\(id)")
    case "P": self = .passivate
    default:
      var scanner = NotationScanner(text)
      self = .expect(try scanner.answer(entityID: entityID))
      return
    }
    try scanner.expectEnd()
  }
}

extension NotationScanner {
  typealias Request = Cloudstate_Tck_Model_Crdt_Request
  typealias StreamedRequest = Cloudstate_Tck_Model_Crdt_StreamedRequest
  typealias Output = Cloudstate_Crdt_CrdtStreamOut

  /// `[inc(1), effect(x)]`.
  mutating func request(entityID: String) throws(NotationError) -> Request {
    var request = Request()
    request.id = entityID
    try expect("[")
    while !isAtEndOfList {
      request.actions.append(try action(entityID: entityID))
      _ = take(",")
    }
    try expect("]")
    return request
  }

  private mutating func action(
    entityID: String
  ) throws(NotationError) -> Cloudstate_Tck_Model_Crdt_RequestAction {
    var action = Cloudstate_Tck_Model_Crdt_RequestAction()
    let symbol = word()
    switch symbol {
    case "delete": action.delete = Cloudstate_Tck_Model_Crdt_Delete()
    case "forward": action.forward.id = resolved(try enclosed("(", ")"), entityID: entityID)
    case "effect": action.effect.id = resolved(try enclosed("(", ")"), entityID: entityID)
    case "effectS":
      action.effect.id = resolved(try enclosed("(", ")"), entityID: entityID)
      action.effect.synchronous = true
    case "fail": action.fail.message = try enclosed("(", ")")
    default:
      action.update = try update(symbol, of: ReplicatedType(entityID: entityID))
      guard take("with") else { break }
      action.update.writeConsistency =
        switch try consistency() {
        case .all: .all
        case .majority: .majority
        default: .local
        }
    }
    return action
  }

  /// `{end_state gc(3), empty}`.
  mutating func streamedRequest(entityID: String) throws(NotationError) -> StreamedRequest {
    var request = StreamedRequest()
    let type = ReplicatedType(entityID: entityID)
    request.id = entityID
    try expect("{")
    while !isAtEndOfList {
      if take("end_state") {
        request.endState = try state()
      } else if take("cancel_update") {
        request.cancelUpdate = try update(word(), of: type)
      } else if take("initial_update") {
        request.initialUpdate = try update(word(), of: type)
      } else if take("effects") {
        request.effects = try list("[", "]").map { text in
          var effect = Cloudstate_Tck_Model_Crdt_Effect()
          let parts = text.split(separator: " ")
          effect.id = resolved(String(parts.first ?? ""), entityID: entityID)
          effect.synchronous = parts.last == "synchronous"
          return effect
        }
      } else if take("empty") {
        request.empty = true
      } else {
        throw error("expected a field of a streamed request")
      }
      _ = take(",")
    }
    try expect("}")
    return request
  }

  /// `R1 gc(1) +gc(1)` and the other answers of the user function, up to the end.
  mutating func answer(entityID: String) throws(NotationError) -> Output {
    var output = Output()
    let symbol = word()
    let id = try number()
    switch symbol {
    case "R", "RS":
      output.reply.commandID = id
      output.reply.streamed = symbol == "RS"
      if !take("-") { output.reply.clientAction.reply = try reply() }
    case "FW":
      output.reply.commandID = id
      let target = resolved(plain(), entityID: entityID)
      output.reply.clientAction.forward = CRDTMessages.vocabulary.forward(target)
    case "X":
      output.reply.commandID = id
      output.reply.clientAction.failure = CRDTMessages.vocabulary.failure(
        try quoted(), commandID: id)
    case "M":
      output.streamedMessage.commandID = id
      if !take("-") { output.streamedMessage.clientAction.reply = try reply() }
      output.streamedMessage.endStream = take("end")
    case "SR": output.streamCancelledResponse.commandID = id
    default: throw error("expected I, D, delete, C, CS, SC, R, RS, FW, X, M, SR or P")
    }
    while take("+") {
      if take("seS") {
        try addEffects(to: &output, synchronous: true, entityID: entityID)
      } else if take("se") {
        try addEffects(to: &output, synchronous: false, entityID: entityID)
      } else {
        try addAction(to: &output)
      }
    }
    try expectEnd()
    return output
  }

  private mutating func reply() throws(NotationError) -> Cloudstate_Reply {
    var reply = Cloudstate_Reply()
    reply.payload = packed(try response())
    return reply
  }

  /// A state, or `""` for the empty response of the other services.
  mutating func response() throws(NotationError) -> Cloudstate_Tck_Model_Crdt_Response {
    var response = Cloudstate_Tck_Model_Crdt_Response()
    if !take("\"\"") { response.state = try state() }
    return response
  }

  private mutating func addEffects(
    to output: inout Output, synchronous: Bool, entityID: String
  ) throws(NotationError) {
    let effects = try list("(", ")").map {
      CRDTMessages.vocabulary.effect(
        resolved($0, entityID: entityID), synchronous: synchronous)
    }
    if case .streamedMessage = output.message {
      output.streamedMessage.sideEffects += effects
    } else {
      output.reply.sideEffects += effects
    }
  }

  private mutating func addAction(to output: inout Output) throws(NotationError) {
    var action = Cloudstate_Crdt_CrdtStateAction()
    if take("DEL") {
      action.delete = Cloudstate_Crdt_CrdtDelete()
    } else {
      action.update = try change()
      action.writeConsistency = try consistency(optional: true)
    }
    switch output.message {
    case .reply: output.reply.stateAction = action
    case .streamCancelledResponse: output.streamCancelledResponse.stateAction = action
    default: throw error("a streamed message changes nothing")
    }
  }

  private mutating func consistency(
    optional: Bool = false
  ) throws(NotationError) -> Cloudstate_Crdt_CrdtWriteConsistency {
    if take("MAJORITY") { return .majority }
    if take("ALL") { return .all }
    if !take("LOCAL") && !optional { throw error("expected LOCAL, MAJORITY or ALL") }
    return .local
  }
}
