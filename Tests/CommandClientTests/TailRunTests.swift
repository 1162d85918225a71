import CloudstateModel
import CloudstateProtocol
import CommandClient
import CommandLineKit
import GRPCTransport
import Synchronization
import TestSupport
import Testing

/// Whole tails against scripted nodes over real connections.
@Suite struct TailRunTests {
  /// What a tail has shown, as `shard:position/index`.
  private final class Shown: Sendable {
    private let addresses = Mutex<[String]>([])
    var all: [String] { addresses.withLock { $0 } }
    func add(_ event: Cloudstate_Streams_TailedEvent) {
      addresses.withLock { $0.append("\(event.shard):\(event.position)/\(event.index)") }
    }
  }

  private func tail(
    _ session: ClientSession, all: Bool = true, end: Bool = false, limit: Int? = nil,
    _ shown: Shown
  ) throws -> TailRun {
    var arguments = TailSelection.Arguments()
    arguments.all = all
    arguments.end = end
    let now = Timestamp(unixMilliseconds: 77)
    return TailRun(
      session: session, selection: try TailSelection(arguments, now: now), limit: limit,
      startedAt: now, console: Console(verbosity: .quiet)
    ) { shown.add($0) }
  }

  @Test("A tail to the end shows what it gets and ends")
  func end() async throws {
    var script = FakeNode.Script()
    script.onTail = { _, _ in
      ScriptedTail(responses: [tailResponse(0, 1), tailResponse(1, 1)], end: .ok)
    }
    let node = FakeNode(script)
    let shown = Shown()
    try await node.serve { address in
      try await tail(testSession(address), end: true, shown).run()
    }
    #expect(shown.all == ["0:1/0", "1:1/0"])
    #expect(node.record.tails.first?.start == .all)
    #expect(node.record.tails.first?.endAtCurrent == true)
  }

  @Test("A tail goes on where it was cut, within a batch too, without gap or repetition")
  func reconnect() async throws {
    var script = FakeNode.Script()
    script.onTail = { request, call in
      switch call {
      case 1:
        return ScriptedTail(
          responses: [tailResponse(0, 1), tailProgress(1, 9), tailResponse(0, 2, 0, last: false)],
          end: GRPCStatus(.unavailable, "restarting"))
      case 2: return ScriptedTail(responses: [], end: GRPCStatus(.unavailable, "restarting"))
      default:
        return ScriptedTail(
          responses: [
            tailResponse(0, 2, 0, last: false), tailResponse(0, 2, 1), tailResponse(1, 10),
          ],
          end: .ok)
      }
    }
    let node = FakeNode(script)
    let shown = Shown()
    try await node.serve { address in
      try await tail(testSession(address, deadAddress), end: true, shown).run()
    }
    #expect(shown.all == ["0:1/0", "0:2/0", "0:2/1", "1:10/0"])
    let last = try #require(node.record.tails.last)
    #expect(last.cursors.map(\.shard) == [0, 1])
    #expect(last.cursors.map(\.position) == [1, 9])
  }

  @Test("A NEW tail that was cut before a shard's position was known asks for the time since")
  func resumedNew() async throws {
    var script = FakeNode.Script()
    script.onTail = { _, call in
      call == 1
        ? ScriptedTail(
          responses: [tailProgress(0, 5)], end: GRPCStatus(.unavailable, "restarting"))
        : ScriptedTail(responses: [], end: .ok)
    }
    let node = FakeNode(script)
    try await node.serve { address in
      try await tail(testSession(address), all: false, end: true, Shown()).run()
    }
    #expect(node.record.tails.map(\.sinceUnixMilliseconds) == [0, 77])
    #expect(node.record.tails.last?.cursors.map(\.position) == [5])
  }

  @Test("A server that ends a tail that follows is left for the next connection")
  func unexpectedEnd() async throws {
    var script = FakeNode.Script()
    script.onTail = { _, call in
      ScriptedTail(responses: [tailResponse(0, UInt64(call))], end: .ok)
    }
    let shown = Shown()
    try await FakeNode(script).serve { address in
      try await tail(testSession(address), limit: 3, shown).run()
    }
    #expect(shown.all == ["0:1/0", "0:2/0", "0:3/0"])
  }

  @Test("The count ends a tail that would follow")
  func count() async throws {
    var script = FakeNode.Script()
    script.onTail = { _, _ in
      ScriptedTail(responses: (1...9).map { tailResponse(0, $0) }, end: nil)
    }
    let shown = Shown()
    try await FakeNode(script).serve { address in
      try await tail(testSession(address), limit: 3, shown).run()
    }
    #expect(shown.all == ["0:1/0", "0:2/0", "0:3/0"])
  }

  @Test("A cancelled tail ends with CancellationError")
  func cancelled() async throws {
    var script = FakeNode.Script()
    script.onTail = { _, _ in ScriptedTail(responses: [tailResponse(0, 1)], end: nil) }
    let shown = Shown()
    try await FakeNode(script).serve { address in
      let run = try tail(testSession(address), shown)
      await #expect(throws: CancellationError.self) {
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask { try await run.run() }
          try await eventually("the event is shown") { shown.all.count == 1 }
          group.cancelAll()
          try await group.next()
        }
      }
    }
  }

  @Test("A refused request and a closed output end the tail")
  func failures() async throws {
    var script = FakeNode.Script()
    script.onTail = { _, _ in
      ScriptedTail(responses: [], end: GRPCStatus(.invalidArgument, "subjects: too many"))
    }
    try await FakeNode(script).serve { address in
      let error = await #expect(throws: ProgramError.self) {
        try await tail(testSession(address), Shown()).run()
      }
      #expect(error?.status == .usage)
    }
    script.onTail = { _, _ in ScriptedTail(responses: [tailResponse(0, 1)], end: nil) }
    try await FakeNode(script).serve { address in
      let selection = try TailSelection(
        TailSelection.Arguments(), now: Timestamp(unixMilliseconds: 1))
      let run = TailRun(
        session: testSession(address), selection: selection,
        startedAt: Timestamp(unixMilliseconds: 1), console: Console(verbosity: .quiet)
      ) { _ in throw OutputClosed() }
      await #expect(throws: OutputClosed.self) { try await run.run() }
    }
  }

  @Test("No server within the timeout is status 3")
  func unreachable() async throws {
    let error = await #expect(throws: ProgramError.self) {
      try await tail(testSession(deadAddress, timeout: .milliseconds(300)), Shown()).run()
    }
    #expect(error?.status == .unreachable)
  }
}
