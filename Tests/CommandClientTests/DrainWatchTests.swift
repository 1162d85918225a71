import CloudstateModel
import CommandClient
import CommandLineKit
import Testing

/// `cs-admin drain --wait`, look by look.
@Suite struct DrainWatchTests {
  private let start = ContinuousClock.now

  private func watch(within: Duration? = nil) -> DrainWatch {
    DrainWatch(node: "cart-2", within: within, from: start)
  }

  private func node(
    _ name: String, shards: Int = 3, draining: Bool = false, liveness: String = "alive"
  ) -> NodeDocument {
    NodeDocument(
      node: name, service: "cart", zone: "", liveness: liveness, draining: draining, address: "",
      primaries: shards, replicas: 0, plan: 1, commands: 0, commandsPerSecond: 0, activeEntities: 0,
      openCalls: 0, silentMilliseconds: 0)
  }

  private var nodes: [NodeDocument] { [node("cart-1"), node("cart-2", draining: true)] }

  private func plan(_ state: String? = "running", settled: Bool? = false) -> PlanDocument {
    PlanDocument(
      plan: PlanSummary(number: 4, reason: "", createdAt: "", shards: 6, moves: 0), moves: [],
      rebalance: state.map {
        RebalanceDocument(id: 7, state: $0, reason: "", createdAt: "", summary: "", steps: [])
      }, settled: settled)
  }

  private func end(_ verdict: DrainWatch.Verdict) throws -> ProgramError {
    guard case .ends(let error) = verdict else {
      throw ProgramError("the watch does not end: \(verdict)")
    }
    return error
  }

  @Test("A node that holds nothing, or is gone, is drained")
  func drained() {
    var watch = watch()
    #expect(
      watch.look(plan(), nodes, at: start)
        == .goesOn("node cart-2 has 3 primaries and 0 replicas left"))
    #expect(watch.look(plan(), nodes, at: start) == .goesOn(nil))
    let empty = [node("cart-1"), node("cart-2", shards: 0, draining: true)]
    #expect(watch.look(plan("done"), empty, at: start) == .isDrained)
    #expect(watch.look(plan("done"), [node("cart-1")], at: start) == .isDrained)
  }

  @Test("A wait ends where an operator has ended the draining, and says what goes on with it")
  func aborted() throws {
    var watch = watch()
    // It was aborted before, and another one is to come.
    #expect(watch.look(plan("aborted"), nodes, at: start) != .isDrained)
    #expect(watch.look(plan("aborted"), nodes, at: start) == .goesOn(nil))
    let end = try end(watch.look(plan("aborted", settled: true), nodes, at: start))
    #expect(end.status == .conflict)
    #expect(
      end.message
        == "node cart-2 has 3 primaries and 0 replicas left, and rebalance 7 was aborted: they stay until "
        + "cs-admin drain cart-2 is asked for again")
    let undrained = try self.end(watch.look(plan(), [node("cart-1"), node("cart-2")], at: start))
    #expect(undrained.status == .conflict)
    #expect(undrained.message.contains("somebody has undrained it"))
  }

  @Test("Without another node a wait ends at once; with one that is being started again it goes on")
  func noTarget() throws {
    for other in [node("cart-1", draining: true), node("cart-1", liveness: "down")] {
      var watch = watch()
      let nodes = [other, node("cart-2", draining: true)]
      let end = try end(watch.look(plan("done"), nodes, at: start))
      #expect(end.status == .conflict)
      #expect(end.message.contains("no other node of service cart can take them"))
    }
    var watch = watch()
    let down = [node("cart-1", liveness: "down"), node("cart-2", draining: true)]
    _ = watch.look(plan(), nodes, at: start)
    #expect(watch.look(plan("done"), down, at: start) == .goesOn(nil))
    #expect(try end(watch.look(plan("done", settled: true), down, at: start)).status == .conflict)
  }

  @Test("A wait ends when its time is over, and names what the rebalance waits for")
  func within() throws {
    var watch = watch(within: .seconds(10))
    #expect(watch.look(plan(), nodes, at: start + .seconds(9)) != .goesOn(nil))
    let end = try end(watch.look(plan("proposed"), nodes, at: start + .seconds(10)))
    #expect(end.status == .unreachable)
    #expect(end.message.contains("rebalance 7 waits for: cs-admin plan approve 7;"))
    #expect(end.message.hasSuffix("the time is over, and the draining goes on"))
  }

  @Test("A coordinator may be silent for 30 s at a time, or as long as the wait may take")
  func silence() throws {
    let failure = ProgramError("nobody answers", hint: "x", status: .unreachable)
    var watch = watch()
    #expect(
      watch.fail(failure, began: start, at: start + .seconds(5))
        == .goesOn("no coordinator answers, it is asked again: nobody answers"))
    #expect(
      watch.fail(failure, began: start + .seconds(6), at: start + .seconds(29)) == .goesOn(nil))
    // An answer ends the silence.
    #expect(watch.look(plan(), nodes, at: start + .seconds(29)) != .isDrained)
    #expect(
      watch.fail(failure, began: start + .seconds(30), at: start + .seconds(59))
        == .goesOn("no coordinator answers, it is asked again: nobody answers"))
    let end = try end(watch.fail(failure, began: start + .seconds(59), at: start + .seconds(60)))
    #expect(end.status == .unreachable)
    #expect(end.message.contains("the draining goes on"))

    var long = self.watch(within: .seconds(100))
    #expect(long.fail(failure, began: start, at: start + .seconds(99)) != .isDrained)
    #expect(
      try self.end(long.fail(failure, began: start, at: start + .seconds(100))).status
        == .unreachable)
  }

  @Test("What a coordinator refuses ends a wait at once")
  func refusal() throws {
    var watch = watch()
    let refusal = ProgramError("not you", status: .denied)
    #expect(watch.fail(refusal, began: start, at: start) == .ends(refusal))
  }

  @Test("A coordinator that does not tell whether something is due is waited for")
  func olderCoordinator() {
    var watch = watch()
    _ = watch.look(plan("aborted", settled: nil), nodes, at: start)
    #expect(watch.look(plan("aborted", settled: nil), nodes, at: start) == .goesOn(nil))
  }
}
