/// Section 6.2: what a proxy has to do for an event sourced entity, see ``ProxyEntityScript``.
let eventSourcedProxyCases: [TestCase] = [
  eventSourced(
    "ESP1", "State changes",
    """
    call [] gives ""; conn I; in C1 []; out R1 ""; \
    call [emit(A)] gives "A"; in C2 [emit(A)]; out R2 "A" +ev(A); \
    call [emit(B), emit(C), emit(D)] gives "ABCD"; in C3 [emit(B), emit(C), emit(D)]; \
    out R3 "ABCD" +ev(B,C,D); \
    call [emit(E)] gives "ABCDE"; in C4 [emit(E)]; out R4 "ABCDE" +ev(E)+snap(ABCDE); \
    call [emit(F), emit(G), emit(H), emit(I)] gives "ABCDEFGHI"; \
    in C5 [emit(F), emit(G), emit(H), emit(I)]; out R5 "ABCDEFGHI" +ev(F,G,H,I); \
    call [emit(J), emit(K)] gives "ABCDEFGHIJK"; in C6 [emit(J), emit(K)]; \
    out R6 "ABCDEFGHIJK" +ev(J,K)+snap(ABCDEFGHIJK)
    """),
  eventSourced(
    "ESP2", "Forwards and effects",
    """
    call [emit(one)] gives "one"; conn I; in C1 [emit(one)]; out R1 "one" +ev(one); \
    call [forward(id)] gives ""; in C2 [forward(id)]; out FW2 id; \
    conn two I; in two C1; out two R1 ""; \
    call [effect(id)] gives "one"; in C3 [effect(id)]; out R3 "one" +se(id); \
    in two C2; out two R2 ""; \
    call [] gives "one"; in C4 []; out R4 "one"
    """),
  eventSourced(
    "ESP3", "Failures",
    """
    call [emit(1), emit(2), emit(3)] gives "123"; conn I; in C1 [emit(1), emit(2), emit(3)]; \
    out R1 "123" +ev(1,2,3); \
    call [fail(expected failure)] fails "expected failure"; in C2 [fail(expected failure)]; \
    out X2 "expected failure"; \
    call [] gives "123"; in C3 []; out R3 "123"; \
    call [emit(4), fail(another failure), emit(5)] fails "another failure"; \
    in C4 [emit(4), fail(another failure), emit(5)]; out X4 "another failure" or restart
    """,
    ifRestarted: """
      closed; conn I; in event{1, 1}; in event{2, 2}; in event{3, 3}; \
      call [emit(4), emit(5)] gives "12345"; in C1 [emit(4), emit(5)]; \
      out R1 "12345" +ev(4,5)+snap(12345)
      """,
    ifKept: """
      call [emit(4), emit(5)] gives "12345"; in C5 [emit(4), emit(5)]; \
      out R5 "12345" +ev(4,5)+snap(12345)
      """),
  eventSourced(
    "ESP4", "HTTP",
    """
    post [] gives ""; conn I; in C1 []; out R1 ""; \
    post two gives ""; conn two I; in two C1; out two R1 ""; \
    post [emit(x)] gives "x"; in C2 [emit(x)]; out R2 "x" +ev(x); \
    post [fail(expected failure)] fails "expected failure"; in C3 [fail(expected failure)]; \
    out X3 "expected failure"; \
    post [emit(y)] gives "xy"; in C4 [emit(y)]; out R4 "xy" +ev(y); \
    post [emit(z), fail(emit then fail)] fails "emit then fail"; \
    in C5 [emit(z), fail(emit then fail)]; out X5 "emit then fail" or restart
    """,
    ifRestarted: """
      closed; conn I; in event{1, x}; in event{2, y}; \
      post [emit(z)] gives "xyz"; in C1 [emit(z)]; out R1 "xyz" +ev(z)
      """,
    ifKept: """
      post [emit(z)] gives "xyz"; in C6 [emit(z)]; out R6 "xyz" +ev(z)
      """),
  TestCase(
    "ESP5", "Passivation", .eventSourced, section: "6.2",
    needs: [EventSourcedMessages.configuredService], passingProxy: passivation),
]

/// Section 7.2: the same for a value entity.
let valueEntityProxyCases: [TestCase] = [
  value(
    "VEP1", "State changes",
    """
    call [] gives ""; conn I; in C1 []; out R1 ""; \
    call [update(one)] gives "one"; in C2 [update(one)]; out R2 "one" +up(one); \
    call [update(two)] gives "two"; in C3 [update(two)]; out R3 "two" +up(two); \
    call [] gives "two"; in C4 []; out R4 "two"; \
    call [delete] gives ""; in C5 [delete]; out R5 "" +del; \
    call [] gives ""; in C6 []; out R6 ""; \
    call [update(foo)] gives "foo"; in C7 [update(foo)]; out R7 "foo" +up(foo); \
    call [delete] gives ""; in C8 [delete]; out R8 "" +del
    """),
  value(
    "VEP2", "Forwards and effects",
    """
    call [update(one)] gives "one"; conn I; in C1 [update(one)]; out R1 "one" +up(one); \
    call [forward(id)] gives ""; in C2 [forward(id)]; out FW2 id; \
    conn two I; in two C1; out two R1 ""; \
    call [effect(id)] gives "one"; in C3 [effect(id)]; out R3 "one" +se(id); \
    in two C2; out two R2 ""; \
    call [] gives "one"; in C4 []; out R4 "one"
    """),
  value(
    "VEP3", "Failures",
    """
    call [update(one)] gives "one"; conn I; in C1 [update(one)]; out R1 "one" +up(one); \
    call [fail(expected failure)] fails "expected failure"; in C2 [fail(expected failure)]; \
    out X2 "expected failure"; \
    call [] gives "one"; in C3 []; out R3 "one"
    """),
  value(
    "VEP4", "HTTP",
    """
    post [] gives ""; conn I; in C1 []; out R1 ""; \
    post two gives ""; conn two I; in two C1; out two R1 ""; \
    post [update(one)] gives "one"; in C2 [update(one)]; out R2 "one" +up(one); \
    post [fail(expected failure)] fails "expected failure"; in C3 [fail(expected failure)]; \
    out X3 "expected failure"; \
    post [update(two)] gives "two"; in C4 [update(two)]; out R4 "two" +up(two); \
    post [] gives "two"; in C5 []; out R5 "two"
    """),
  TestCase(
    "VEP5", "Passivation", .valueEntity, section: "7.2",
    needs: [ValueEntityMessages.configuredService], passingProxy: passivation),
]

/// The entity is idle after its first command.
private let passivation = """
  call configured gives ""; conn configured I; in configured C1; out configured R1 ""; \
  closed configured
  """

private func eventSourced(
  _ id: String, _ title: String, _ script: String, ifRestarted: String? = nil,
  ifKept: String? = nil
) -> TestCase {
  TestCase(
    id, title, .eventSourced, section: "6.2",
    needs: [EventSourcedMessages.service, EventSourcedMessages.vocabulary.targetService],
    passingProxy: script, ifRestarted: ifRestarted, ifKept: ifKept)
}

private func value(_ id: String, _ title: String, _ script: String) -> TestCase {
  TestCase(
    id, title, .valueEntity, section: "7.2",
    needs: [ValueEntityMessages.service, ValueEntityMessages.vocabulary.targetService],
    passingProxy: script)
}
