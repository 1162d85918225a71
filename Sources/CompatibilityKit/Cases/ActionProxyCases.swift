/// Section 5.2: what a proxy has to do for an action.
let actionProxyCases: [TestCase] = [
  proxy(
    "AP1", "Unary through the proxy",
    [.opens(.unary), .sends("reply(one)"), .halfCloses, .gets("one"), .getsEnd]
      + connection(.unary, .call("reply(one)"), .response("Reply(one)"))),
  proxy(
    "AP2", "Streamed in through the proxy",
    [.opens(.streamedIn), .sends("reply(two)"), .halfCloses, .gets("two"), .getsEnd]
      + connection(
        .streamedIn, .header, .request("reply(two)"), .proxyEnds, .response("Reply(two)"))),
  proxy(
    "AP3", "Streamed out through the proxy",
    [
      .opens(.streamedOut), .sends("reply(A) / reply(B) / reply(C)"), .halfCloses, .gets("A"),
      .gets("B"), .gets("C"), .getsEnd,
    ]
      + connection(
        .streamedOut, .call("reply(A) / reply(B) / reply(C)"), .response("Reply(A)"),
        .response("Reply(B)"), .response("Reply(C)"), .functionEnds)),
  proxy(
    "AP4", "Streamed through the proxy",
    [
      .opens(.streamed), .sends("reply(X)"), .gets("X"), .sends("reply(Y)"), .gets("Y"),
      .sends("reply(Z)"), .gets("Z"), .halfCloses, .getsEnd,
    ]
      + connection(
        .streamed, .header, .request("reply(X)"), .response("Reply(X)"), .request("reply(Y)"),
        .response("Reply(Y)"), .request("reply(Z)"), .response("Reply(Z)"), .proxyEnds,
        .functionEnds)),
  proxy(
    "AP5", "Unary forward and effect",
    [.opens(.unary), .sends("fwd(other)"), .halfCloses, .gets(""), .getsEnd]
      + connection(.unary, .call("fwd(other)"), .response("Fwd(other)"))
      + connection(.unary, .callTwo("other"), .response("Reply()"))
      + [.opens(.unary), .sends("reply(), eff(another)"), .halfCloses, .gets(""), .getsEnd]
      + connection(.unary, .call("reply(), eff(another)"), .response("Reply(), e(another)"))
      + connection(.unary, .callTwo("another"), .response("Reply()"))),
  proxy(
    "AP6", "Streamed forward and effect",
    [.opens(.streamed), .sends("fwd(one)"), .gets("")]
      + connection(.streamed, .header, .request("fwd(one)"), .response("Fwd(one)"))
      + connection(.unary, .callTwo("one"), .response("Reply()"))
      + [.sends("eff(two)")]
      + passing(.streamed, .request("eff(two)"), .response("None, e(two)"))
      + connection(.unary, .callTwo("two"), .response("Reply()"))
      // Had the effect sent the client a message, it would come before the end.
      + [.halfCloses, .getsEnd] + passing(.streamed, .proxyEnds, .functionEnds)),
  proxy(
    "AP7", "Unary failure",
    [
      .opens(.unary), .sends("fail(expected failure)"), .halfCloses,
      .getsFailure("expected failure"),
    ]
      + connection(
        .unary, .call("fail(expected failure)"), .response("Fail(expected failure)"))),
  proxy(
    "AP8", "Streamed failure",
    [.opens(.streamed)] + connection(.streamed, .header)
      + [.sends("fail(expected failure)"), .getsFailure("expected failure")]
      + passing(
        .streamed, .request("fail(expected failure)"), .response("Fail(expected failure)"),
        .proxyCancels)),
  proxy(
    "AP9", "HTTP",
    [.posts("reply(foo)", .message("foo"))]
      + connection(.unary, .call("reply(foo)"), .response("Reply(foo)"))
      + [.posts("fail(boom)", .failure("boom"))]
      + connection(.unary, .call("fail(boom)"), .response("Fail(boom)"))),
]

private func proxy(_ id: String, _ title: String, _ steps: [ProxyActionStep]) -> TestCase {
  TestCase(
    id: id, title: title, group: .action, section: "5.2",
    clause: steps.map(\.description).joined(separator: "; "),
    needs: [ActionMessages.service, ActionMessages.vocabulary.targetService],
    procedure: .proxyAction(steps))
}

/// A new call, and what it carries.
private func connection(
  _ shape: ActionShape, _ traffic: ProxyActionStep.Traffic...
) -> [ProxyActionStep] {
  [.connection(shape)] + traffic.map { .passes(shape, $0) }
}

/// What the newest call of a shape carries.
private func passing(
  _ shape: ActionShape, _ traffic: ProxyActionStep.Traffic...
) -> [ProxyActionStep] {
  traffic.map { .passes(shape, $0) }
}
