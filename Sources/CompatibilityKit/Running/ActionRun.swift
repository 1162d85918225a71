import CloudstateProtocol
import GRPCTransport

/// Carries out the script of an action case.
struct ActionRun {
  private typealias Call = Conversation<
    Cloudstate_Action_ActionCommand, Cloudstate_Action_ActionResponse
  >

  private let shape: ActionShape
  private let script: ActionScript
  private let call: Call

  init(_ shape: ActionShape, _ script: ActionScript, client: GRPCAsyncClient, limit: Duration) {
    self.shape = shape
    self.script = script
    call = Call(client, path: ActionMessages.path(shape), limit: limit)
  }

  func run() async throws(CaseFailure) {
    defer { call.cancel() }
    switch shape {
    case .unary, .streamedOut:
      for request in script.requests { call.send(ActionMessages.call(shape, request)) }
      call.halfClose()
      try await expect(script.responses[...], after: "the request")
    case .streamedIn:
      call.send(ActionMessages.header(shape))
      for request in script.requests { call.send(ActionMessages.request(request)) }
      call.halfClose()
      try await expect(script.responses[...], after: "half-close")
    case .streamed:
      call.send(ActionMessages.header(shape))
      var responses = script.responses[...]
      for (index, request) in script.requests.enumerated() {
        call.send(ActionMessages.request(request))
        try await expect(responses.prefix(request.count), after: "request \(index + 1)")
        responses = responses.dropFirst(request.count)
      }
      call.halfClose()
    }
    let last = await call.next()
    guard case .end = last else {
      throw CaseFailure(
        step: "after the last response", expected: "the end of the call",
        received: last.describe(ActionMessages.describe))
    }
  }

  private func expect(
    _ responses: ArraySlice<ExpectedResponse>, after what: String
  ) async throws(CaseFailure) {
    for index in responses.indices {
      let step = "after \(what), response \(index + 1) of \(script.responses.count)"
      let expected = ActionMessages.expected(responses[index])
      let received = await call.next()
      guard case .message(let message) = received else {
        throw CaseFailure(
          step: step, expected: ActionMessages.describe(expected),
          received: received.describe(ActionMessages.describe))
      }
      let found = difference(
        expected: expected, received: ActionMessages.canonical(message),
        describe: ActionMessages.describe)
      if let found {
        throw CaseFailure(step: step, expected: found.expected, received: found.received)
      }
    }
  }
}
