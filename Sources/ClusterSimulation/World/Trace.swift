/// The steps of a simulation, for people: the last ones are kept, or all are told as they happen.
package final class Trace {
  /// One step.
  package struct Step: Hashable, Sendable {
    /// Virtual time in nanoseconds.
    package let time: UInt64
    package let actor: String
    package let text: String

    package var line: String { "\(seconds)  \(actor)  \(text)" }

    /// The time in seconds.
    package var seconds: String {
      let micros = time / 1000
      let fraction = String(micros % 1_000_000)
      return "\(micros / 1_000_000).\(String(repeating: "0", count: 6 - fraction.count))\(fraction)"
    }
  }

  private let listener: ((Step) -> Void)?
  private let kept: Int
  private var ring: [Step] = []
  private var first = 0

  /// - Parameters:
  ///   - kept: how many steps to remember; 0 for none, which is fastest.
  ///   - listener: is told each step at once.
  package init(kept: Int = 0, listener: ((Step) -> Void)? = nil) {
    self.kept = kept
    self.listener = listener
  }

  /// The steps that are remembered, in order.
  package var steps: [Step] { Array(ring[first...] + ring[..<first]) }

  func add(at time: UInt64, _ actor: () -> String, _ text: () -> String) {
    guard kept > 0 || listener != nil else { return }
    let step = Step(time: time, actor: actor(), text: text())
    listener?(step)
    guard kept > 0 else { return }
    if ring.count < kept {
      ring.append(step)
    } else {
      ring[first] = step
      first = (first + 1) % kept
    }
  }
}
