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
