import CloudstateModel
import Dispatch
import Synchronization

@testable import ClusterControl

/// A store whose calls can be made to wait, and are counted.
final class HeldStore: CoordinatorStore {
  private struct State {
    var calls: [String] = []
    var held: [String: DispatchSemaphore] = [:]
    var largestPage = 0
  }

  let content = InMemoryCoordinatorStore()
  private let state = Mutex(State())

  var calls: [String] { state.withLock { $0.calls } }
  var largestPage: Int { state.withLock { $0.largestPage } }

  /// The next calls of a kind wait until they are released.
  func hold(_ call: String) {
    state.withLock { state in
      state.calls = []
      state.held[call] = DispatchSemaphore(value: 0)
    }
  }

  func release(_ call: String) {
    let held = state.withLock { $0.held.removeValue(forKey: call) }
    held?.signal()
  }

  private func enter(_ call: String) {
    let held = state.withLock { state in
      state.calls.append(call)
      return state.held[call]
    }
    held?.wait()
  }

  func load() -> CoordinatorRecord? { content.load() }

  func save(_ record: CoordinatorRecord) {
    enter("save")
    content.save(record)
  }

  func planHistory(limit: Int, before: UInt64?) -> [Plan] {
    state.withLock { $0.largestPage = max($0.largestPage, limit) }
    enter("plans")
    return content.planHistory(limit: limit, before: before)
  }

  func close() { enter("close") }

  /// A coordinator of one node and one shard that has made nine plans on this store.
  func startCoordinator() async throws -> Coordinator {
    var record = CoordinatorRecord(
      coordinatorID: "abc", services: [try service(): 1],
      members: [try node("a"): ClusterMember(info: try card("a"), liveness: .alive)])
    for number in 1...9 as ClosedRange<UInt64> {
      record.version = number
      record.plan = Plan(
        number: number, reason: "plan \(number)", createdAt: at(5).wall,
        shards: [ShardAssignment(shard: try shard(0), primary: try node("a"), epoch: Epoch(1))])
      content.save(record)
    }
    return try await ClusterHarness(expecting: 1, store: self).startCoordinator()
  }
}
