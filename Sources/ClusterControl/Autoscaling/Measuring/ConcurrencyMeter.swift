import Synchronization

/// What one kind of work amounted to in an interval (proxy-behaviour 15.1).
package struct WorkMeasure: Hashable, Sendable, Codable {
  /// How many pieces of work were under way, averaged over time: the sum over the levels of level times the time
  /// spent there, divided by the whole time.
  package var concurrency: Double
  /// How long the pieces took that ended in the interval, together.
  package var timeNanoseconds: Int64
  /// Pieces that began in the interval.
  package var count: Int64

  package static let none = WorkMeasure(concurrency: 0, timeNanoseconds: 0, count: 0)

  package init(concurrency: Double, timeNanoseconds: Int64, count: Int64) {
    self.concurrency = concurrency
    self.timeNanoseconds = timeNanoseconds
    self.count = count
  }
}

/// Counts work that begins and ends, and measures it per interval. A pure value; times are nanoseconds of a clock that
/// does not step. Threads read the clock before they get here, so a time may be a little older than the one before
/// it: it then counts as that one.
package struct ConcurrencyCount: Hashable, Sendable {
  private var level: UInt64 = 0
  /// Level times nanoseconds, summed over the interval so far.
  private var area: UInt64 = 0
  private var finishedTime: UInt64 = 0
  private var count: Int64 = 0
  private var intervalStart: UInt64
  private var lastChange: UInt64

  /// - Parameter start: when the first interval begins.
  package init(start: UInt64) {
    intervalStart = start
    lastChange = start
  }

  package mutating func begin(at now: UInt64) {
    advance(to: now)
    level += 1
    count += 1
  }

  /// A piece of work that began at `start` has ended. One end more than there were beginnings changes no level.
  package mutating func end(begunAt start: UInt64, at now: UInt64) {
    advance(to: now)
    if level > 0 { level -= 1 }
    finishedTime = finishedTime.addingWithinBounds(now > start ? now - start : 0)
  }

  /// Ends the interval and begins the next one, with the work that is under way.
  package mutating func take(at now: UInt64) -> WorkMeasure {
    advance(to: now)
    let length = lastChange - intervalStart
    let measure = WorkMeasure(
      concurrency: length == 0 ? Double(level) : Double(area) / Double(length),
      timeNanoseconds: Int64(clamping: finishedTime), count: count)
    area = 0
    finishedTime = 0
    count = 0
    intervalStart = lastChange
    return measure
  }

  private mutating func advance(to now: UInt64) {
    guard now > lastChange else { return }
    let (product, overflow) = level.multipliedReportingOverflow(by: now - lastChange)
    area = area.addingWithinBounds(overflow ? .max : product)
    lastChange = now
  }
}

/// A ``ConcurrencyCount`` that any thread may use. A lock is held for some nanoseconds per call.
package final class ConcurrencyMeter: Sendable {
  private let count: Mutex<ConcurrencyCount>

  package init(start: UInt64) { count = Mutex(ConcurrencyCount(start: start)) }

  package func begin(at now: UInt64) { count.withLock { $0.begin(at: now) } }

  package func end(begunAt start: UInt64, at now: UInt64) {
    count.withLock { $0.end(begunAt: start, at: now) }
  }

  package func take(at now: UInt64) -> WorkMeasure { count.withLock { $0.take(at: now) } }
}

extension UInt64 {
  fileprivate func addingWithinBounds(_ other: UInt64) -> UInt64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}
