import CloudstateModel
import ClusterControl
import TestSupport
import Testing

@Suite struct AutoscalerReplayTests {
  @Test("A recording decides again what was decided, from any start record on")
  func replay() throws {
    var random = SeededGenerator(seed: testSeed("replay"))
    for _ in 0..<5 {
      let (lines, decisions) = try recording(&random)
      #expect(try AutoscalerReplay.run(lines) == decisions)
      #expect(try AutoscalerReplay(lines).differences.isEmpty)
    }
  }

  @Test("A recorded decision that would not be made again is named")
  func difference() throws {
    var bench = try AutoscalerBench(members: 1)
    var decision = bench.step(functions: [3])
    #expect(decision.action == .scaleUp)
    var lines = try bench.records.map { record in try record.line }
    decision.wanted = 9
    lines[lines.count - 1] = try AutoscalerRecord.decision(decision).line
    #expect(try AutoscalerReplay(lines).differences == [lines.count])
    // Left out, it is missed where it belongs.
    #expect(try AutoscalerReplay(lines.dropLast()).differences == [lines.count - 1])
  }

  @Test("Other settings can be tried on a recorded load")
  func otherSettings() throws {
    var bench = try AutoscalerBench(members: 1)
    #expect(bench.step(functions: [3]).wanted == 3)
    let lines = try bench.records.map { record in try record.line }
    let other = try AutoscalerReplay.run(lines, settings: .example.with { $0.maximumScale = 1 })
    #expect(other.map(\.wanted) == [2])
    #expect(throws: ClusterError.self) {
      try AutoscalerReplay.run(lines, settings: .example.with { $0.maximumMembers = 0 })
    }
  }

  @Test("Every record survives its line, and a line is one line")
  func lines() throws {
    var random = SeededGenerator(seed: testSeed("records"))
    let (lines, _) = try recording(&random)
    for line in lines {
      #expect(!line.contains("\n"))
      #expect(try AutoscalerRecord(line: line).line == line)
    }
  }

  @Test("What is no recording is refused with the number of its line")
  func malformed() throws {
    let bench = try AutoscalerBench(members: 1)
    let start = try bench.records[0].line
    let tick = try AutoscalerRecord.tick(
      ScaleObservation(members: [], deployment: nil), uptimeMilliseconds: 1, wallMilliseconds: 1
    ).line
    for (lines, number) in [
      ([start, "{"], 2), ([tick], 1), ([start, "", "{\"nothing\":{}}"], 3),
      ([start.replacing("\"cart\"", with: "\"no name\"")], 1),
    ] {
      let error = #expect(throws: ClusterError.self) { try AutoscalerReplay.run(lines) }
      #expect(error?.code == .malformedMessage)
      #expect(error?.message.contains("line \(number)") == true)
    }
  }

  private func recording(
    _ random: inout SeededGenerator
  ) throws -> (lines: [String], decisions: [ScaleDecision]) {
    var bench = try AutoscalerBench(
      members: Int.random(in: 1...4, using: &random),
      settings: .example.with { $0.scaleUpStableDeadline = .seconds(30) })
    var decisions: [ScaleDecision] = []
    for step in 0..<120 {
      if step % 40 == 39 { bench.records.append(bench.recorded.start) }
      if Int.random(in: 0..<20, using: &random) == 0 {
        bench.members.append(
          ScaleMember(node: try node("m\(step)"), incarnation: UInt64(step)))
      }
      bench.isRebalancing = Bool.random(using: &random)
      bench.deployment.scale = bench.members.count
      let functions = bench.members.map { _ in Double.random(in: 0...2, using: &random) }
      decisions.append(
        bench.step(
          functions: functions, requests: Double.random(in: 0...30, using: &random),
          store: Double.random(in: 0...5, using: &random),
          requestCount: Int64.random(in: 0...500, using: &random)))
    }
    return (try bench.records.map { record in try record.line }, decisions)
  }
}
