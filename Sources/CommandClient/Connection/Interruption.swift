import CommandLineKit
import Glibc

/// Runs `body` until it ends or the process gets SIGINT (Ctrl-C) or SIGTERM, which cancels it. To be
/// used once per process, by its program.
///
/// - Returns: what `body` returned, also when it ended in an orderly way after its cancellation.
/// - Throws: what `body` threw; `CancellationError` when the cancellation ended it.
package func runUntilInterrupted<Value: Sendable>(
  _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
  try await withThrowingTaskGroup(of: Value?.self) { group in
    group.addTask { try await body() }
    group.addTask {
      do {
        _ = try await SignalWatcher.firstSignal()
      } catch is CancellationError {
        // The body has ended.
      }
      return nil
    }
    defer { group.cancelAll() }
    while let event = try await group.next() {
      if let value = event { return value }
      group.cancelAll()
    }
    throw CancellationError()
  }
}
