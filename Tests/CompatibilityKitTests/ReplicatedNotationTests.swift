import CloudstateProtocol
import SwiftProtobuf
import TCKProtocol
import Testing

@testable import CompatibilityKit

/// The notation of replicated entities, and the scripts of their cases.
@Suite struct ReplicatedNotationTests {
  private func change(_ text: String) throws -> ReplicatedChange {
    var scanner = NotationScanner(text)
    let change = try scanner.change()
    try scanner.expectEnd()
    return change
  }

  private func scripts() -> [(id: String, script: CRDTScript)] {
    allCases.compactMap { testCase in
      guard case .crdt(let script) = testCase.procedure else { return nil }
      return (testCase.id, script)
    }
  }

  @Test("Values and changes become the messages they stand for")
  func messages() throws {
    var set = ReplicatedChange()
    set.orset.cleared = true
    set.orset.removed = [packedText("a")]
    set.orset.added = [packedText("b"), packedText("")]
    #expect(try change(#"os-(clear; rem a; add b, "")"#) == set)
    var register = ReplicatedChange()
    register.lwwregister.value = packedText("A")
    register.lwwregister.clock = .customAutoIncrement
    register.lwwregister.customClockValue = -5
    #expect(try change("lw(A, CUSTOM_AUTO_INCREMENT, -5)") == register)
    var inner = ReplicatedChange()
    inner.ormap.cleared = true
    inner.ormap.removed = [packedText("Flag-1")]
    var entry = Cloudstate_Crdt_ORMapEntryDelta()
    entry.key = packedText("ORMap-1")
    entry.delta = inner
    var map = ReplicatedChange()
    map.ormap.updated = [entry]
    #expect(try change("om-(upd M1: om-(clear; rem F1))") == map)
    var scanner = NotationScanner("om{O1: os(), P1: pn(-1)}")
    let state = try scanner.state()
    #expect(state.ormap.entries.map(\.key) == ["ORSet-1", "PNCounter-1"])
    #expect(
      state.ormap.entries.map(\.value.value) == [
        .orset(Cloudstate_Tck_Model_Crdt_ORSetValue()),
        .pncounter(Cloudstate_Tck_Model_Crdt_PNCounterValue.with { $0.value = -1 }),
      ])
  }

  @Test("An empty text in an element has no bytes")
  func emptyText() {
    #expect(packedText("").typeURL == "p.cloudstate.io/string")
    #expect(packedText("").value.isEmpty)
    #expect(Array(packedText("a").value) == [0x0a, 1, 0x61])
  }

  @Test("Requests say what they ask for, and where")
  func requests() throws {
    var scanner = NotationScanner(
      "[add(x), inc(2) with ALL, mupd(S1: add(y)), effectS(X-id), forward(id), delete]")
    let request = try scanner.request(entityID: "ORSet-7")
    #expect(request.id == "ORSet-7")
    let actions = request.actions
    #expect(actions.map { $0.update.orset.add }.first == "x")
    #expect(actions[1].update.gcounter.increment == 2)
    #expect(actions[1].update.writeConsistency == .all)
    #expect(actions[2].update.ormap.update.key == "GSet-1")
    #expect(actions[2].update.ormap.update.update.gset.add == "y")
    #expect(actions[3].effect.id == "X-ORSet-7" && actions[3].effect.synchronous)
    #expect(actions[4].forward.id == "ORSet-7")
    #expect(actions[5].action == .delete(Cloudstate_Tck_Model_Crdt_Delete()))
    var stream = NotationScanner(
      "{end_state gc(3), cancel_update inc(1), effects [a, b synchronous], empty}")
    let streamed = try stream.streamedRequest(entityID: "GCounter-1")
    #expect(streamed.endState.gcounter.value == 3)
    #expect(streamed.cancelUpdate.gcounter.increment == 1)
    #expect(streamed.effects.map(\.id) == ["a", "b"])
    #expect(streamed.effects.map(\.synchronous) == [false, true])
    #expect(streamed.empty && !streamed.hasInitialUpdate)
  }

  @Test(
    "What is not in the notation is refused",
    arguments: [
      "Q", "I(gc)", "D(gc(1)", "C1", "C1 [jump(1)]", "CS1 {later}", "R1", "R1 gc(1) +", "R1 xx(1)",
      "M1 gc(1) +gc(1)", "R1 om{Q9: gc(1)}", "X1 t", "R1 gc(1) gc(1)", "C1 [inc(1) with SOME]",
    ])
  func malformed(script: String) {
    #expect(throws: NotationError.self) { try CRDTScript(parsing: script, type: .gcounter) }
  }

  @Test("What is expected is described in the words in which it is written")
  func roundTrip() throws {
    var count = 0
    for (id, script) in scripts() {
      let entityID = "\(script.type.rawValue)-1"
      for step in try script.steps(entityID: entityID) {
        guard case .expect(let output) = step else { continue }
        let text = CRDTMessages.describe(output)
        guard case .expect(let again) = try CRDTStep(parsing: text[...], entityID: entityID) else {
          Issue.record("\(id): \(text)")
          continue
        }
        #expect(again == output, "\(id): \(text)")
        count += 1
      }
    }
    #expect(count > 150)
  }

  @Test("Elements and entries are compared in any order, values are not")
  func order() throws {
    #expect(
      try change("om-(rem P1, F1; upd O1: os-(add b, a), G1: gc(1))").sorted
        == change("om-(rem F1, P1; upd G1: gc(1), O1: os-(add a, b))").sorted)
    #expect(try change("os-(add a, b)").sorted != change("os-(add a, c)").sorted)
    #expect(try change("os-(rem a)").sorted != change("os-(add a)").sorted)
  }

  @Test("Scripts open a stream before they use it, end it, and answer every command")
  func wellFormed() throws {
    for (id, script) in scripts() {
      var isOpen = false
      var waiting: Set<Int64> = []
      for step in try script.steps(entityID: "\(script.type.rawValue)-1") {
        switch step {
        case .open:
          #expect(!isOpen, "\(id)")
          isOpen = true
        case .send(let input, _):
          #expect(isOpen, "\(id)")
          if case .command(let command) = input.message { waiting.insert(command.id) }
        case .expect(let output):
          if case .reply(let reply) = output.message {
            #expect(waiting.remove(reply.commandID) != nil, "\(id)")
          }
        case .passivate:
          #expect(isOpen && waiting.isEmpty, "\(id)")
          isOpen = false
        }
      }
      #expect(!isOpen, "\(id)")
    }
  }
}
