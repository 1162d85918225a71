package import CloudstateModel
import FoundationEssentials
import NIOCore

/// One instant on both clocks a cluster decision may need. Machines take it as an argument.
package struct Moment: Hashable, Sendable {
  /// Time since some fixed instant in the past, never stepping: for timeouts and intervals.
  package var uptime: Duration
  /// The calendar's time, which may step: only to stamp documents for people.
  package var wall: Timestamp

  package init(uptime: Duration, wall: Timestamp) {
    self.uptime = uptime
    self.wall = wall
  }

  /// The present, on the monotonic and on the calendar clock of this machine.
  package static func now() -> Moment {
    Moment(
      uptime: .nanoseconds(Int64(clamping: NIODeadline.now().uptimeNanoseconds)),
      wall: Timestamp(unixMilliseconds: Int64(Date().timeIntervalSince1970 * 1000)))
  }
}

extension Duration {
  /// Whole milliseconds, rounded down.
  var wholeMilliseconds: Int64 {
    components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
  }

  /// Whole microseconds, rounded down; 0 for negative lengths.
  var wholeMicroseconds: UInt64 {
    let (seconds, attoseconds) = components
    return UInt64(clamping: seconds * 1_000_000 + attoseconds / 1_000_000_000_000)
  }

  /// The same length for an event loop.
  var timeAmount: TimeAmount {
    .nanoseconds(components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000)
  }
}
