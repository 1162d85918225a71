import CloudstateModel
import Testing

@Suite struct EntityKeyTests {
  @Test("Ids that look alike and have other bytes are other entities")
  func canonicalEquivalence() {
    let composed = EntityKey(persistenceID: "p", entityID: "caf\u{e9}")
    let decomposed = EntityKey(persistenceID: "p", entityID: "cafe\u{301}")
    #expect(composed.entityID == decomposed.entityID)
    #expect(composed != decomposed)
    #expect(Set([composed, decomposed]).count == 2)
  }

  @Test("The two parts of a key are not run together")
  func parts() {
    let left = EntityKey(persistenceID: "a", entityID: "bc")
    let right = EntityKey(persistenceID: "ab", entityID: "c")
    #expect(left != right)
    #expect(left == EntityKey(persistenceID: "a", entityID: "bc"))
  }
}
