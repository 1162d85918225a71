import Foundation
import TestSupport
import Testing

/// Clients that mean harm, beside one that does not (`Hostile/hostile.py` names and makes the attacks).
@Suite(.serialized, .enabled(if: pythonInterpreter != nil, "needs CS_PYTHON"))
struct HostileClientTests {
  private static let folder = "\(repositoryFolder)/Tests/EndToEndTests/Hostile"
  /// What a node may grow by, in KiB. Far below what any attack sends or asks for, far above what the allocator
  /// does not give back.
  private static let room = 200 * 1024

  static let attacks = [
    "slow-headers", "slow-body", "slow-message", "slow-reader", "no-window", "rapid-reset",
    "ping-flood", "settings-flood", "priority-flood", "window-flood", "empty-data",
    "continuation-flood", "header-bomb", "large-headers", "connection-flood", "garbage",
    "garbage-frames",
  ]

  @Test("The list of attacks is that of the program")
  func list() async throws {
    let interpreter = try #require(pythonInterpreter)
    let result = try await runProgram(interpreter, ["\(Self.folder)/hostile.py", "list"])
    #expect(result.output.split(separator: "\n").map(String.init) == Self.attacks)
  }

  @Test("Whatever a client does, the others are answered, and memory stays bounded")
  func attacks() async throws {
    let interpreter = try #require(pythonInterpreter)
    let cluster = try await TestCluster(nodes: 1)
    let address = cluster.nodes[0].address
    for attack in Self.attacks {
      let sidecar = try #require(cluster.nodes[0].sidecar)
      let before = try residentKiB(sidecar)
      let attacker = try TestProcess(
        interpreter, ["\(Self.folder)/hostile.py", address, attack, "2"])
      let witness = try await runProgram(
        interpreter, ["\(Self.folder)/witness.py", address, "2"], within: .seconds(60))
      let report = try #require(try witness.jsonLines().first, "\(attack): \(witness.talk)")
      #expect(report["failed"] as? Int == 0, "\(attack): \(witness.talk)")
      #expect(report["calls"] as? Int ?? 0 > 0, "\(attack)")
      #expect(try await attacker.waitForExit(within: .seconds(60)) == .code(0), "\(attack)")
      #expect(sidecar.exitIfEnded() == nil, "\(attack): \(sidecar.output(.standardError))")
      let grown = try residentKiB(sidecar) - before
      #expect(grown < Self.room, "\(attack): the node grew by \(grown) KiB")
    }
  }

  private func residentKiB(_ process: TestProcess) throws -> Int {
    let status = try String(contentsOfFile: "/proc/\(process.processID)/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
    return Int(line?.filter(\.isNumber) ?? "") ?? 0
  }
}
