import Synchronization

/// Spreads what a node reads back from its store for other copies over time. Any thread.
final class ReadBudget: Sendable {
  private let bytesPerSecond: Double
  /// When what was granted so far will have been used up.
  private let spentUntil = Mutex<Uptime>(0)

  init(bytesPerSecond: Int) { self.bytesPerSecond = Double(max(1, bytesPerSecond)) }

  /// Takes `bytes` and answers how many nanoseconds to wait before they may be read.
  func take(_ bytes: Int, now: Uptime) -> UInt64 {
    let cost = UInt64(Double(bytes) / bytesPerSecond * 1_000_000_000)
    return spentUntil.withLock { spentUntil in
      let start = max(spentUntil, now)
      spentUntil = start &+ cost
      return start - now
    }
  }
}
