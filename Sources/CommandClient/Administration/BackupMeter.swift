import CommandLineKit
import Synchronization

/// Counts what a backup fetches, tells of it from time to time, and slows it down where a rate is given. Any task.
final class BackupMeter: Sendable {
  private static let interval: Duration = .seconds(2)

  private struct State {
    var batches: UInt64 = 0
    var bytes: UInt64 = 0
    var lastTold: ContinuousClock.Instant
    var toldBytes: UInt64 = 0
    /// When what was fetched so far will have been paid for.
    var paidUntil: ContinuousClock.Instant
  }

  private let rate: Int?
  private let console: Console
  private let state: Mutex<State>

  init(rate: Int?, console: Console) {
    self.rate = rate
    self.console = console
    let now = ContinuousClock.now
    state = Mutex(State(lastTold: now, paidUntil: now))
  }

  var total: (batches: UInt64, bytes: UInt64) { state.withLock { ($0.batches, $0.bytes) } }

  /// - Throws: `CancellationError`.
  func took(batches: Int, bytes: Int) async throws {
    let now = ContinuousClock.now
    let (line, due): (String?, ContinuousClock.Instant) = state.withLock { state in
      state.batches += UInt64(batches)
      state.bytes += UInt64(bytes)
      if let rate {
        state.paidUntil =
          max(state.paidUntil, now)
          + .nanoseconds(Int64(bytes) * 1_000_000_000 / Int64(max(1, rate)))
      }
      let passed = now - state.lastTold
      guard passed >= Self.interval else { return (nil, state.paidUntil) }
      let speed = Double(state.bytes - state.toldBytes) / (passed / .seconds(1))
      state.lastTold = now
      state.toldBytes = state.bytes
      return (
        "\(state.batches) batches, \(byteText(Double(state.bytes))), \(byteText(speed))/s",
        state.paidUntil
      )
    }
    if let line { console.info(line) }
    if due > now { try await Task.sleep(until: due) }
  }
}

/// An amount of bytes for people, such as `3.1 MB`.
package func byteText(_ bytes: Double) -> String {
  var (amount, unit) = (bytes, 0)
  let units = ["B", "kB", "MB", "GB", "TB"]
  while amount >= 1000, unit < units.count - 1 {
    amount /= 1000
    unit += 1
  }
  guard unit > 0 else { return "\(Int(amount)) B" }
  let tenths = Int((amount * 10).rounded())
  return "\(tenths / 10).\(tenths % 10) \(units[unit])"
}
