import Synchronization

/// What has been started and must be stopped, last started first. Any thread.
final class Teardown: Sendable {
  private struct Step {
    let name: String
    let body: @Sendable () async throws -> Void
  }

  private let steps = Mutex<[Step]>([])

  func add(_ name: String, _ body: @escaping @Sendable () async throws -> Void) {
    steps.withLock { $0.append(Step(name: name, body: body)) }
  }

  /// Runs all steps in reverse order. A step that fails does not keep the others from running.
  func run(failed: (_ name: String, _ error: any Error) -> Void) async {
    while let step = steps.withLock({ $0.popLast() }) {
      do { try await step.body() } catch { failed(step.name, error) }
    }
  }
}
