import CloudstateProtocol
import GRPCTransport
import SwiftProtobuf
import Testing

@testable import CompatibilityKit

/// A function that is wrong in one way fails the cases about it, and no others.
@Suite struct WrongFunctionTests {
  private func ids(_ prefix: String, _ numbers: some Sequence<Int>) -> Set<String> {
    Set(numbers.map { "\(prefix)\($0)" })
  }

  @Test("The model function passes every case")
  func correct() async throws {
    let results = try await results(
      of: Tampering(), only: ["action", "event-sourced", "value-entity"])
    #expect(results.filter { $0.outcome != .passed }.map(\.testCase.id) == [])
    #expect(results.count == 74)
  }

  @Test("Without the snapshots of replies, the cases with snapshots fail")
  func noSnapshots() async throws {
    var tampering = Tampering()
    tampering.eventSourced = { output in
      var output = output
      output.reply.clearSnapshot()
      return output
    }
    let failures = try await failures(of: tampering)
    #expect(Set(failures.keys) == ids("ESM", [6, 9, 12, 17, 20]))
    let failure = try #require(failures["ESM6"])
    #expect(
      failure
        == CaseFailure(
          step: "C5", expected: "R5 \"ABCDE\" +ev(E)+snap(ABCDE)", received: "R5 \"ABCDE\" +ev(E)"))
  }

  @Test("Events out of order fail the cases with several")
  func reversedEvents() async throws {
    var tampering = Tampering()
    tampering.eventSourced = { output in
      var output = output
      output.reply.events.reverse()
      return output
    }
    let failures = try await failures(of: tampering)
    #expect(Set(failures.keys) == ids("ESM", [5, 6, 9, 10, 12, 13, 17, 20]))
    #expect(failures["ESM5"]?.received == "R1 \"ABC\" +ev(C,B,A)")
  }

  @Test("An update where nothing changed is no silent extra")
  func needlessUpdate() async throws {
    var tampering = Tampering()
    tampering.value = { output in
      var output = output
      if !output.reply.hasStateAction {
        output.reply.stateAction = Cloudstate_Valueentity_ValueEntityAction()
      }
      return output
    }
    let failures = try await failures(of: tampering)
    #expect(Set(failures.keys) == ids("VEM", (3...19).filter { $0 != 12 && $0 != 15 }))
    #expect(failures["VEM3"]?.received == "R1 \"\" +an empty state action")
  }

  @Test("Dropping the effects of failures fails the failures with effects, in every shape")
  func failuresWithoutEffects() async throws {
    var tampering = Tampering()
    tampering.action = { response in
      var response = response
      if case .failure = response.response { response.sideEffects = [] }
      return response
    }
    let failures = try await failures(of: tampering)
    #expect(Set(failures.keys) == ids("AM", [15, 16, 17, 26, 30, 34]))
    #expect(
      failures["AM34"]
        == CaseFailure(
          step: "after request 2, response 2 of 6", expected: "Fail(\"two\"), e(other)",
          received: "Fail(\"two\")"))
  }

  @Test("Metadata on replies of actions is refused, also when it is empty")
  func metadata() async throws {
    var tampering = Tampering()
    tampering.action = { response in
      var response = response
      if case .reply = response.response { response.reply.metadata = Cloudstate_Metadata() }
      return response
    }
    let failures = try await failures(of: tampering, only: ["action"])
    #expect(Set(failures.keys) == ids("AM", [2, 3, 4, 5, 18, 19, 27, 31]))
    #expect(failures["AM2"]?.received == "Reply(\"one\" with metadata {})")
  }

  @Test("An effect of the wrong kind fails the cases with effects of the other kind")
  func synchronousEffects() async throws {
    var tampering = Tampering()
    tampering.value = { output in
      var output = output
      for index in output.reply.sideEffects.indices {
        output.reply.sideEffects[index].synchronous = true
      }
      return output
    }
    let failures = try await failures(of: tampering)
    #expect(Set(failures.keys) == ids("VEM", [10, 11, 12, 16]))
    #expect(failures["VEM10"]?.received == "R1 \"\" +seS(1,2,3)")
  }

  @Test("A wrong command id fails every conversation")
  func commandID() async throws {
    var tampering = Tampering()
    tampering.value = { output in
      var output = output
      output.reply.commandID += 1
      return output
    }
    let failures = try await failures(of: tampering, only: ["value-entity"])
    #expect(Set(failures.keys) == ids("VEM", 3...19))
    #expect(failures["VEM3"]?.received == "R2 \"\"")
    #expect(failures["VEM17"]?.received == "X2 \"expected failure\" (failure of command 1)")
  }

  @Test("A restart that was not allowed is told apart from a plain failure")
  func needlessRestart() async throws {
    var tampering = Tampering()
    tampering.eventSourced = { output in
      var output = output
      if case .failure(var failure) = output.reply.clientAction.action {
        failure.restart = true
        output.reply.clientAction.failure = failure
      }
      return output
    }
    let failures = try await failures(of: tampering)
    #expect(Set(failures.keys) == ids("ESM", [18, 19, 21]))
    #expect(failures["ESM18"]?.received == "X1 \"expected failure\" with restart")
  }

  @Test("A failed command whose events stay, although no restart was asked for, fails ESM20 later")
  func noRollback() async throws {
    var tampering = Tampering()
    tampering.eventSourced = { output in
      var output = output
      if case .failure(var failure) = output.reply.clientAction.action {
        failure.restart = false
        output.reply.clientAction.failure = failure
      }
      return output
    }
    let failures = try await failures(of: tampering)
    #expect(Set(failures.keys) == ["ESM20"])
    #expect(failures["ESM20"]?.step == "C3")
    #expect(failures["ESM20"]?.expected == "R3 \"ABCD\" +ev(D)")
  }

  @Test("A stream that never completes is given up after the limit")
  func noEnd() async throws {
    let failures = try await failures(
      of: Tampering(end: nil), only: ["AM27", "ESM3", "VEM3"], limit: .seconds(1))
    #expect(Set(failures.keys) == ["AM27", "ESM3", "VEM3"])
    #expect(
      failures["ESM3"]
        == CaseFailure(
          step: "P", expected: "the end of the stream", received: "nothing within 1.0 seconds"))
  }

  @Test("A stream that ends with an error did not complete")
  func badEnd() async throws {
    let failures = try await failures(
      of: Tampering(end: GRPCStatus(.internalError, "oops")), only: ["AM2", "AM31", "ESM3"])
    #expect(Set(failures.keys) == ["AM2", "AM31", "ESM3"])
    #expect(failures["AM31"]?.received == "the gRPC error internalError (13): oops")
  }

  @Test("A missing reply is told as silence")
  func silence() async throws {
    var tampering = Tampering()
    tampering.eventSourced = { output in output.reply.commandID == 2 ? nil : output }
    let failures = try await failures(
      of: tampering, only: ["ESM3", "ESM4"], limit: .seconds(1))
    #expect(
      failures == [
        "ESM4": CaseFailure(
          step: "C2", expected: "R2 \"A\"", received: "nothing within 1.0 seconds")
      ])
  }

  @Test("An update without a change, a lost consistency and a lost end of a stream are found")
  func replicated() async throws {
    var tampering = Tampering()
    tampering.replicated = { output in
      var output = output
      if case .streamedMessage = output.message { output.streamedMessage.endStream = false }
      if output.reply.stateAction.writeConsistency == .all {
        output.reply.stateAction.writeConsistency = .majority
      }
      if output.reply.clientAction.failure.commandID == 2 { output.reply.streamed = true }
      return output
    }
    let failures = try await failures(of: tampering, only: ["crdt"])
    #expect(Set(failures.keys) == ["CST2", "CWC1", "CFE9"])
    #expect(
      failures["CWC1"]
        == CaseFailure(
          step: "C3", expected: "R3 gc(6) +gc(3) ALL", received: "R3 gc(6) +gc(3) MAJORITY"))
    #expect(failures["CST2"]?.expected == "M1 gc(3) end")
    #expect(failures["CST2"]?.received == "M1 gc(3)")
    #expect(failures["CFE9"]?.received == "X2 \"expected failure\" with a stream")
  }

  @Test("Elements may come in any order, but not twice")
  func elementOrder() async throws {
    var reversing = Tampering()
    reversing.replicated = { output in
      var output = output
      if case .gset(var set) = output.reply.stateAction.update.delta {
        set.added.reverse()
        output.reply.stateAction.update.gset = set
      }
      return output
    }
    #expect(try await failures(of: reversing, only: ["GS*"]) == [:])
    var repeating = Tampering()
    repeating.replicated = { output in
      var output = output
      if case .gset(var set) = output.reply.stateAction.update.delta {
        set.added += set.added
        output.reply.stateAction.update.gset = set
      }
      return output
    }
    let failures = try await failures(of: repeating, only: ["GS2"])
    #expect(failures["GS2"]?.received == "R1 gs(a,b) +gs(a,a,b,b)")
  }

  @Test("What discovery says is compared")
  func discovery() async throws {
    var tampering = Tampering()
    tampering.spec = { spec in
      for index in spec.entities.indices {
        switch spec.entities[index].serviceName {
        case "cloudstate.tck.model.EventSourcedTckModel":
          spec.entities[index].persistenceID = "mine"
        case "cloudstate.tck.model.EventSourcedConfigured":
          spec.entities[index].passivationStrategy.timeout.timeout = 99
        case "cloudstate.tck.model.action.ActionTwo":
          spec.entities[index].entityType = "cloudstate.crdt.Crdt"
        default: break
        }
      }
    }
    let failures = try await failures(of: tampering)
    #expect(Set(failures.keys) == ["AM1", "ESM1", "ESM2"])
    #expect(failures["ESM1"]?.received.hasSuffix("persistence id mine") == true)
    #expect(failures["ESM2"]?.received.hasSuffix("passivation timeout 99 ms") == true)
  }

  @Test("Cases whose services are not served are skipped, and say which are missing")
  func skipped() async throws {
    var tampering = Tampering()
    tampering.spec = { spec in
      spec.entities.removeAll { $0.serviceName == "cloudstate.tck.model.EventSourcedTwo" }
    }
    let results = try await results(of: tampering, only: ["event-sourced"])
    for result in results {
      let expected: CaseOutcome =
        result.testCase.id == "ESM2"
        ? .passed : .skipped(missing: ["cloudstate.tck.model.EventSourcedTwo"])
      #expect(result.outcome == expected)
    }
    #expect(results.count == 21)
  }
}
