/// How a node looks for damage in its copies before anyone needs them.
package struct ScrubSettings: Hashable, Sendable {
  /// Bytes of records a second that are read and checked; 0 turns scrubbing off. Default 4 MiB/s: little beside
  /// commands, and 300 GiB a day.
  package var bytesPerSecond = 4 << 20
  /// A pass over all copies begins this long after the last one began, or at its end if it took longer. Default one
  /// day. The first begins after a minute, or after the interval if that is shorter.
  package var interval = Duration.seconds(86_400)

  package init() {}

  /// What is out of range, setting by setting.
  package func problems() -> [String] {
    var problems: [String] = []
    if bytesPerSecond != 0, bytesPerSecond < 1 << 16 {
      problems.append(
        "scrub-rate must be at least 65536 bytes a second, or 0 to turn scrubbing off")
    }
    if interval < .seconds(1) || interval > .seconds(365 * 86_400) {
      problems.append("scrub-interval must be from 1s to 365 days")
    }
    return problems
  }
}
