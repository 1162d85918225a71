import CloudstateModel
import Foundation
import TestSupport
import Testing

/// Looks at the plan again and again, and at the plans that nodes follow, while coordinators come and go: no
/// number that was once told may be followed by a lower one.
final class PlanWatch: Sendable {
  private struct Sight: Sendable {
    var plan: UInt64 = 0
    /// The plan that each node follows, as it says.
    var nodes: [String: UInt64] = [:]
    var looks = 0
    var problems: [String] = []
  }

  private let task: Task<Sight, any Error>
  private let isEnding = Flag()

  /// - Parameter coordinators: where they are administered, for `cs-admin --coordinator`.
  init(_ coordinators: String) {
    let isEnding = self.isEnding
    task = Task {
      var sight = Sight()
      while !isEnding.isSet { try await Self.look(at: coordinators, &sight) }
      return sight
    }
  }

  private static func look(at coordinators: String, _ sight: inout Sight) async throws {
    func ask(_ words: String...) async throws -> ProgramResult {
      try await runTool(
        "cs-admin", words + ["-o", "json", "--timeout", "2s", "--coordinator", coordinators])
    }
    let plan = try await ask("plan", "show")
    let nodes = try await ask("nodes")
    // Nobody answers while nobody leads.
    guard plan.status == .code(0), nodes.status == .code(0) else { return }
    let number = try JSONDecoder().decode(PlanDocument.self, from: Data(plan.output.utf8)).plan
      .number
    let document = try JSONDecoder().decode(NodesDocument.self, from: Data(nodes.output.utf8))
    sight.looks += 1
    if number < sight.plan { sight.problems.append("plan \(number) after \(sight.plan)") }
    sight.plan = max(sight.plan, number)
    // A node that has not been heard by a new leader has told nothing yet.
    for node in document.nodes where node.plan > 0 {
      let before = sight.nodes[node.node] ?? 0
      if node.plan < before {
        sight.problems.append("\(node.node) follows plan \(node.plan) after \(before)")
      }
      sight.nodes[node.node] = max(before, node.plan)
    }
  }

  /// Ends the watch and checks what was seen.
  func stop() async throws {
    isEnding.set()
    let sight = try await task.value
    #expect(sight.looks > 1)
    #expect(sight.problems.isEmpty, "\(sight.problems.prefix(5))")
  }
}
