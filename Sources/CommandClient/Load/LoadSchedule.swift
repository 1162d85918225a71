package import NIOCore

/// Decides when each command of a loaded run is due and when the run is over. A pure value.
///
/// The commands are dealt to several lanes (event loops): lane `l` of `n` sends the commands `l`,
/// `l + n`, `l + 2n` and so on. With a rate, the due time of a command is fixed beforehand and its
/// latency counts from then, so that a server that stalls cannot hide its delays.
package struct LoadSchedule: Hashable, Sendable {
  /// Commands in all; `nil` = until the duration ends.
  package var count: Int?
  /// Commands per second in all; `nil` = as fast as the concurrency allows.
  package var rate: Double?
  package var duration: TimeAmount?

  package init(count: Int?, rate: Double?, duration: TimeAmount?) {
    self.count = count
    self.rate = rate
    self.duration = duration
  }

  /// When the command with this index (from 0) is due, counted from the start of the run; `nil` when
  /// it is not part of the run. `elapsed` is the time since the start.
  package func due(index: Int, elapsed: TimeAmount) -> TimeAmount? {
    if let count, index >= count { return nil }
    let due =
      rate.map { TimeAmount.nanoseconds(Int64(Double(index) / $0 * 1_000_000_000)) } ?? elapsed
    if let duration, max(due, elapsed) >= duration { return nil }
    return due
  }
}
