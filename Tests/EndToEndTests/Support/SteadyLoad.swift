import Synchronization
import TestSupport

/// Commands through all nodes, one after the other, without repetition of what fails.
final class SteadyLoad: Sendable {
  struct Outcome {
    let sent: Int
    let failures: [String]
  }

  private let task: Task<Outcome, any Error>
  private let isEnding = Flag()

  init(_ cluster: TestCluster) {
    let addresses = cluster.nodes.map(\.address)
    let isEnding = self.isEnding
    task = Task {
      var (sent, failures) = (0, [String]())
      while !isEnding.isSet {
        let result = try await runTool(
          "cs-send",
          [
            "-s", addresses[sent % addresses.count], "ShoppingCart/AddItem",
            #"{"userId":"u\#(sent % 20)","productId":"p\#(sent)","name":"Tea","quantity":1}"#,
          ])
        sent += 1
        if result.status != .code(0) { failures.append(result.talk) }
      }
      return Outcome(sent: sent, failures: failures)
    }
  }

  /// Ends it and answers what came of it.
  func stop() async throws -> Outcome {
    isEnding.set()
    return try await task.value
  }
}

/// Set once, seen by all.
final class Flag: Sendable {
  private let value = Atomic(false)

  var isSet: Bool { value.load(ordering: .acquiring) }
  func set() { value.store(true, ordering: .releasing) }
}
