/// Section 7.1: what a library has to do for a value entity. The scripts are the specification's own,
/// see ``EntityScript``.
let valueEntityModelCases: [TestCase] = [
  discovery(
    "VEM1", "Discovery",
    [
      DeclaredEntity(
        service: valueModel, type: valueEntityType, persistenceID: "value-entity-tck-model"),
      DeclaredEntity(
        service: valueTwo, type: valueEntityType, persistenceID: "value-entity-tck-model-two"),
    ]),
  discovery(
    "VEM2", "Configured entity",
    [
      DeclaredEntity(
        service: "cloudstate.tck.model.valueentity.ValueEntityConfigured", type: valueEntityType,
        persistenceID: "value-entity-configured", passivationMilliseconds: 100)
    ]),
  entity("VEM3", "Empty state", #"I; C1 []; R1 ""; P"#),
  entity("VEM4", "Update", #"I; C1 [update(A)]; R1 "A" +up(A); C2 []; R2 "A"; P"#),
  entity(
    "VEM5", "Delete",
    #"I; C1 [update(A)]; R1 "A" +up(A); C2 [delete]; R2 "" +del; C3 []; R3 ""; P"#),
  entity(
    "VEM6", "Several updates",
    #"I; C1 [update(A), update(B), update(C)]; R1 "C" +up(C); C2 []; R2 "C"; P"#),
  entity(
    "VEM7", "Updates then delete",
    #"I; C1 [update(A), update(B), delete]; R1 "" +del; C2 []; R2 ""; P"#),
  entity(
    "VEM8", "Update, delete, update",
    #"I; C1 [update(A), delete, update(B)]; R1 "B" +up(B); C2 []; R2 "B"; P"#),
  entity(
    "VEM9", "Rehydrate",
    #"""
    I; C1 [update(A)]; R1 "A" +up(A); C2 [update(B)]; R2 "B" +up(B); C3 [update(C)]; \#
    R3 "C" +up(C); C4 [update(D)]; R4 "D" +up(D); P; new connection: I with state D; \#
    C1 [update(E)]; R1 "E" +up(E); C2 []; R2 "E"; P
    """#),
  entity(
    "VEM10", "Several effects",
    #"I; C1 [effect(1), effect(2), effect(3)]; R1 "" +se(1,2,3); P"#),
  entity(
    "VEM11", "Effect",
    #"I; C1 [update(X)]; R1 "X" +up(X); C2 [effect(id)]; R2 "X" +se(id); C3 []; R3 "X"; P"#),
  entity(
    "VEM12", "Effects and state",
    #"""
    I; \#
    C1 [update(A), update(B), update(C), update(D), update(E), effect(1), effect(2), effect(3)]; \#
    R1 "E" +up(E)+se(1,2,3); P
    """#),
  entity("VEM13", "Synchronous effect", #"I; C1 [effectS(id)]; R1 "" +seS(id); P"#),
  entity(
    "VEM14", "Forward",
    #"I; C1 [update(X)]; R1 "X" +up(X); C2 [forward(id)]; FW2 id; C3 []; R3 "X"; P"#),
  entity("VEM15", "Forward with state", #"I; C1 [update(A), forward(id)]; FW1 id +up(A); P"#),
  entity("VEM16", "Forward and effect", #"I; C1 [effect(id), forward(id)]; FW1 id +se(id); P"#),
  entity("VEM17", "Failure", #"I; C1 [fail(expected failure)]; X1 "expected failure"; P"#),
  entity(
    "VEM18", "Connection survives failure",
    #"""
    I; C1 [update(A)]; R1 "A" +up(A); C2 [fail(expected failure)]; X2 "expected failure"; C3 []; \#
    R3 "A"; P
    """#),
  entity(
    "VEM19", "Failure drops effects",
    #"I; C1 [effect(id), fail(expected failure)]; X1 "expected failure"; P"#),
]

private let valueModel = ValueEntityMessages.service
private let valueTwo = ValueEntityMessages.vocabulary.targetService
private let valueEntityType = "cloudstate.valueentity.ValueEntity"

private func discovery(_ id: String, _ title: String, _ entities: [DeclaredEntity]) -> TestCase {
  TestCase(id, title, .valueEntity, section: "7.1", discovering: entities)
}

private func entity(_ id: String, _ title: String, _ script: String) -> TestCase {
  TestCase(
    id, title, .valueEntity, section: "7.1", needs: [valueModel, valueTwo], script: script)
}
