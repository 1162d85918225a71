import CloudstateProtocol
import TCKProtocol

// What user functions answer, in the notation of CRDTScript.

extension NotationScanner {
  typealias Output = Cloudstate_Crdt_CrdtStreamOut

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
}
