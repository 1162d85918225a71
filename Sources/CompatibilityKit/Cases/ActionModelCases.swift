/// Section 5.1: what a library has to do for an action, see ``ActionScript``.
let actionModelCases: [TestCase] = [
  TestCase(
    "AM1", "Discovery", .action, section: "5.1",
    discovering: [
      DeclaredEntity(service: actionModel, type: actionType),
      DeclaredEntity(service: actionTwo, type: actionType),
    ]),
  unary("AM2", "reply", "reply(one)", "Reply(one)"),
  unary("AM3", "reply, effect", "reply(two), eff(other)", "Reply(two), e(other)"),
  unary("AM4", "reply, sync effect", "reply(three), effS(another)", "Reply(three), eS(another)"),
  unary(
    "AM5", "reply, 3 effects", "reply(four), eff(a), eff(b), eff(c)",
    "Reply(four), e(a), e(b), e(c)"),
  unary("AM6", "no reply", "(none)", "None"),
  unary("AM7", "no reply, effect", "eff(other)", "None, e(other)"),
  unary("AM8", "no reply, sync effect", "effS(another)", "None, eS(another)"),
  unary("AM9", "no reply, 3 effects", "eff(a), eff(b), eff(c)", "None, e(a), e(b), e(c)"),
  unary("AM10", "forward", "fwd(one)", "Fwd(one)"),
  unary("AM11", "forward, effect", "fwd(two), eff(other)", "Fwd(two), e(other)"),
  unary("AM12", "forward, sync effect", "fwd(three), effS(another)", "Fwd(three), eS(another)"),
  unary(
    "AM13", "forward, 3 effects", "fwd(four), eff(a), eff(b), eff(c)",
    "Fwd(four), e(a), e(b), e(c)"),
  unary("AM14", "failure", "fail(one)", "Fail(one)"),
  unary("AM15", "failure, effect", "fail(two), eff(other)", "Fail(two), e(other)"),
  unary("AM16", "failure, sync effect", "fail(three), effS(another)", "Fail(three), eS(another)"),
  unary(
    "AM17", "failure, 3 effects", "fail(four), eff(a), eff(b), eff(c)",
    "Fail(four), e(a), e(b), e(c)"),
  streamedIn("AM18", "reply", "reply(one)", "Reply(one)"),
  streamedIn(
    "AM19", "reply, effects", "reply(two), eff(a) ; effS(b) ; eff(c), eff(d)",
    "Reply(two), e(a), eS(b), e(c), e(d)"),
  streamedIn("AM20", "no requests at all", "", "None"),
  streamedIn("AM21", "no reply", "(none)", "None"),
  streamedIn(
    "AM22", "no reply, effects", "eff(a) ; effS(b) ; eff(c), eff(d)",
    "None, e(a), eS(b), e(c), e(d)"),
  streamedIn("AM23", "forward", "fwd(one)", "Fwd(one)"),
  streamedIn(
    "AM24", "forward, effects", "fwd(two), eff(a) ; effS(b) ; eff(c), eff(d)",
    "Fwd(two), e(a), eS(b), e(c), e(d)"),
  streamedIn("AM25", "failure", "fail(one)", "Fail(one)"),
  streamedIn(
    "AM26", "failure, effects", "fail(two), eff(a) ; effS(b) ; eff(c), eff(d)",
    "Fail(two), e(a), eS(b), e(c), e(d)"),
  streamedOut(
    "AM27", "replies",
    """
    reply(one) / reply(two), eff(other) / reply(three), effS(another) / \
    reply(four), eff(a), eff(b), eff(c)
    """,
    "Reply(one) ; Reply(two), e(other) ; Reply(three), eS(another) ; Reply(four), e(a), e(b), e(c)"),
  streamedOut(
    "AM28", "no replies",
    "(none) / eff(other) / effS(another) / eff(a), eff(b), eff(c)",
    "None ; None, e(other) ; None, eS(another) ; None, e(a), e(b), e(c)"),
  streamedOut(
    "AM29", "forwards",
    """
    fwd(one) / fwd(two), eff(other) / fwd(three), effS(another) / \
    fwd(four), eff(a), eff(b), eff(c)
    """,
    "Fwd(one) ; Fwd(two), e(other) ; Fwd(three), eS(another) ; Fwd(four), e(a), e(b), e(c)"),
  streamedOut(
    "AM30", "failures",
    """
    fail(one) / fail(two), eff(other) / fail(three), effS(another) / \
    fail(four), eff(a), eff(b), eff(c)
    """,
    "Fail(one) ; Fail(two), e(other) ; Fail(three), eS(another) ; Fail(four), e(a), e(b), e(c)"),
  streamed(
    "AM31", "replies",
    """
    reply(one) ; reply(two), eff(other) ; reply(three), effS(another) ; \
    reply(four), eff(a), eff(b), eff(c) ; reply(five) / reply(six), eff(other)
    """,
    """
    Reply(one) ; Reply(two), e(other) ; Reply(three), eS(another) ; \
    Reply(four), e(a), e(b), e(c) ; Reply(five) ; Reply(six), e(other)
    """),
  streamed(
    "AM32", "no replies",
    "(none) ; eff(other) ; effS(another) ; eff(a), eff(b), eff(c) ; (none) / eff(other)",
    "None ; None, e(other) ; None, eS(another) ; None, e(a), e(b), e(c) ; None ; None, e(other)"),
  streamed(
    "AM33", "forwards",
    """
    fwd(one) ; fwd(two), eff(other) ; fwd(three), effS(another) ; \
    fwd(four), eff(a), eff(b), eff(c) ; fwd(five) / fwd(six), eff(other)
    """,
    """
    Fwd(one) ; Fwd(two), e(other) ; Fwd(three), eS(another) ; Fwd(four), e(a), e(b), e(c) ; \
    Fwd(five) ; Fwd(six), e(other)
    """),
  streamed(
    "AM34", "failures",
    """
    fail(one) ; fail(two), eff(other) ; fail(three), effS(another) ; \
    fail(four), eff(a), eff(b), eff(c) ; fail(five) / fail(six), eff(other)
    """,
    """
    Fail(one) ; Fail(two), e(other) ; Fail(three), eS(another) ; Fail(four), e(a), e(b), e(c) ; \
    Fail(five) ; Fail(six), e(other)
    """),
]

private let actionModel = ActionMessages.service
private let actionTwo = ActionMessages.vocabulary.targetService
private let actionType = "cloudstate.action.ActionProtocol"

/// One request, one response.
private func unary(
  _ id: String, _ title: String, _ sent: String, _ expected: String
) -> TestCase {
  action(id, "Unary: \(title)", .unary, sent, expected)
}

/// Requests, then half-close; one response.
private func streamedIn(
  _ id: String, _ title: String, _ sent: String, _ expected: String
) -> TestCase {
  action(id, "Streamed in: \(title)", .streamedIn, sent, expected)
}

/// One request; a response for each group, then the stream completes.
private func streamedOut(
  _ id: String, _ title: String, _ sent: String, _ expected: String
) -> TestCase {
  action(id, "Streamed out: \(title)", .streamedOut, sent, expected)
}

/// The responses to each request are awaited before the next is sent; then half-close, and the stream
/// completes.
private func streamed(
  _ id: String, _ title: String, _ sent: String, _ expected: String
) -> TestCase {
  action(id, "Streamed: \(title)", .streamed, sent, expected)
}

private func action(
  _ id: String, _ title: String, _ shape: ActionShape, _ sent: String, _ expected: String
) -> TestCase {
  TestCase(
    id, title, .action, section: "5.1", needs: [actionModel, actionTwo], shape: shape,
    sending: sent, expecting: expected)
}
