/// How many lines of a kind may be logged: so many in a second, and the rest is counted. Pure.
struct LogRate {
  private let linesPerSecond: Int
  private var second: Double = -1
  private var lines = 0
  private var suppressed = 0

  init(linesPerSecond: Int) { self.linesPerSecond = linesPerSecond }

  /// Whether a line may be written now, and how many were not since the last one; `nil` if it may not.
  mutating func admit(now: Double) -> Int? {
    let current = now.rounded(.down)
    if current != second {
      second = current
      lines = 0
    }
    guard lines < linesPerSecond else {
      suppressed += 1
      return nil
    }
    lines += 1
    defer { suppressed = 0 }
    return suppressed
  }
}
