/// Section 6.1: what a library has to do for an event sourced entity. The scripts are the
/// specification's own, see ``EntityScript``.
let eventSourcedModelCases: [TestCase] = [
  discovery(
    "ESM1", "Discovery",
    [
      DeclaredEntity(
        service: eventSourcedModel, type: eventSourcedType,
        persistenceID: "event-sourced-tck-model"),
      DeclaredEntity(service: eventSourcedTwo, type: eventSourcedType),
    ]),
  discovery(
    "ESM2", "Configured entity",
    [
      DeclaredEntity(
        service: "cloudstate.tck.model.EventSourcedConfigured", type: eventSourcedType,
        persistenceID: "event-sourced-configured", passivationMilliseconds: 100)
    ]),
  entity("ESM3", "Empty state", #"I; C1 []; R1 ""; P"#),
  entity("ESM4", "One event", #"I; C1 [emit(A)]; R1 "A" +ev(A); C2 []; R2 "A"; P"#),
  entity(
    "ESM5", "Several events",
    #"I; C1 [emit(A), emit(B), emit(C)]; R1 "ABC" +ev(A,B,C); C2 []; R2 "ABC"; P"#),
  entity(
    "ESM6", "Events and snapshots",
    #"""
    I; C1 [emit(A)]; R1 "A" +ev(A); C2 [emit(B)]; R2 "AB" +ev(B); C3 [emit(C)]; R3 "ABC" +ev(C); \#
    C4 [emit(D)]; R4 "ABCD" +ev(D); C5 [emit(E)]; R5 "ABCDE" +ev(E)+snap(ABCDE); \#
    C6 [emit(F), emit(G), emit(H)]; R6 "ABCDEFGH" +ev(F,G,H); C7 [emit(I), emit(J)]; \#
    R7 "ABCDEFGHIJ" +ev(I,J)+snap(ABCDEFGHIJ); C8 [emit(K)]; R8 "ABCDEFGHIJK" +ev(K); C9 []; \#
    R9 "ABCDEFGHIJK"; P
    """#),
  entity("ESM7", "Start from snapshot", #"I with snapshot{5, ABCDE}; C1 []; R1 "ABCDE"; P"#),
  entity(
    "ESM8", "Snapshot and events",
    #"I with snapshot{5, ABCDE}; event{6, F}; event{7, G}; C1 []; R1 "ABCDEFG"; P"#),
  entity(
    "ESM9", "Rehydrate",
    #"""
    I; C1 [emit(A), emit(B), emit(C)]; R1 "ABC" +ev(A,B,C); C2 [emit(D), emit(E)]; \#
    R2 "ABCDE" +ev(D,E)+snap(ABCDE); C3 [emit(F)]; R3 "ABCDEF" +ev(F); C4 [emit(G)]; \#
    R4 "ABCDEFG" +ev(G); P; new connection: I with snapshot{5, ABCDE}; event{6, F}; event{7, G}; \#
    C1 []; R1 "ABCDEFG"; P
    """#),
  entity(
    "ESM10", "Forward",
    #"""
    I; C1 [emit(A), emit(B), emit(C)]; R1 "ABC" +ev(A,B,C); C2 [forward(id)]; FW2 id; C3 []; \#
    R3 "ABC"; P
    """#),
  entity("ESM11", "Forward with event", #"I; C1 [emit(A), forward(id)]; FW1 id +ev(A); P"#),
  entity(
    "ESM12", "Forward with events and snapshot",
    #"""
    I; C1 [emit(A), emit(B), emit(C)]; R1 "ABC" +ev(A,B,C); C2 [emit(D), emit(E), forward(id)]; \#
    FW2 id +ev(D,E)+snap(ABCDE); P
    """#),
  entity(
    "ESM13", "Effect",
    #"""
    I; C1 [emit(A), emit(B), emit(C)]; R1 "ABC" +ev(A,B,C); C2 [effect(id)]; R2 "ABC" +se(id); \#
    C3 []; R3 "ABC"; P
    """#),
  entity("ESM14", "Synchronous effect", #"I; C1 [effectS(id)]; R1 "" +seS(id); P"#),
  entity("ESM15", "Forward and effect", #"I; C1 [effect(id), forward(id)]; FW1 id +se(id); P"#),
  entity(
    "ESM16", "Several effects",
    #"I; C1 [effect(1), effect(2), effect(3)]; R1 "" +se(1,2,3); P"#),
  entity(
    "ESM17", "Effects, events, snapshot",
    #"""
    I; C1 [emit(A), emit(B), emit(C), emit(D), emit(E), effect(1), effect(2), effect(3)]; \#
    R1 "ABCDE" +ev(A,B,C,D,E)+snap(ABCDE)+se(1,2,3); P
    """#),
  entity("ESM18", "Failure", #"I; C1 [fail(expected failure)]; X1 "expected failure"; P"#),
  entity(
    "ESM19", "Connection survives failure",
    #"""
    I; C1 [emit(A)]; R1 "A" +ev(A); C2 [fail(expected failure)]; X2 "expected failure"; C3 []; \#
    R3 "A"; P
    """#),
  entity(
    "ESM20", "Failed command keeps no events",
    #"""
    I; C1 [emit(A), emit(B), emit(C)]; R1 "ABC" +ev(A,B,C); \#
    C2 [emit(4), emit(5), fail(failure 1)]; X2 "failure 1" or restart
    """#,
    ifRestarted: #"""
      P; new connection: I; event{1, A}; event{2, B}; event{3, C}; C1 [emit(D)]; \#
      R1 "ABCD" +ev(D); C2 [emit(6), fail(failure 2), emit(7)]; X2 "failure 2" with restart; P; \#
      new connection: I; event{1, A}; event{2, B}; event{3, C}; event{4, D}; C1 [emit(E)]; \#
      R1 "ABCDE" +ev(E)+snap(ABCDE); P
      """#,
    ifKept: #"""
      C3 [emit(D)]; R3 "ABCD" +ev(D); C4 [emit(6), fail(failure 2), emit(7)]; X4 "failure 2"; \#
      C5 [emit(E)]; R5 "ABCDE" +ev(E)+snap(ABCDE); P
      """#),
  entity(
    "ESM21", "Failure drops effects",
    #"I; C1 [effect(id), fail(expected failure)]; X1 "expected failure"; P"#),
]

private let eventSourcedModel = EventSourcedMessages.service
private let eventSourcedTwo = EventSourcedMessages.vocabulary.targetService
private let eventSourcedType = "cloudstate.eventsourced.EventSourced"

private func discovery(_ id: String, _ title: String, _ entities: [DeclaredEntity]) -> TestCase {
  TestCase(id, title, .eventSourced, section: "6.1", discovering: entities)
}

private func entity(
  _ id: String, _ title: String, _ script: String, ifRestarted: String? = nil,
  ifKept: String? = nil
) -> TestCase {
  TestCase(
    id, title, .eventSourced, section: "6.1", needs: [eventSourcedModel, eventSourcedTwo],
    script: script, ifRestarted: ifRestarted, ifKept: ifKept)
}
