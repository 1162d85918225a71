package import CloudstateModel
package import ShardStore

/// Where an event lies in its shard, and when it was committed.
package struct EventAddress: Hashable, Sendable {
  package var position: Position
  /// Index within the batch at `position`.
  package var index: Int
  package var time: Timestamp

  package init(position: Position, index: Int, time: Timestamp) {
    self.position = position
    self.index = index
    self.time = time
  }
}

/// Finds the addresses of the last matching events of one shard, whose stream can only be read
/// forwards: it reads windows that lie further and further back and grow, until it has found enough
/// or has reached the beginning.
package struct LastEventsScan: Sendable {
  private let wanted: Int
  private var found: [EventAddress] = []
  private var foundInWindow: [EventAddress] = []
  private var windowSize: UInt64
  /// The window holds the positions above `windowStart` up to `windowEnd`.
  private var windowStart: Position
  private var windowEnd: Position
  private var readUpTo: Position

  /// Starts a scan for the last `wanted` events at or below the position `end`.
  package init(wanted: Int, end: Position) {
    self.wanted = wanted
    windowSize = UInt64(max(wanted, 256))
    windowEnd = end
    windowStart = Position(end.number - min(end.number, windowSize))
    readUpTo = windowStart
  }

  /// Behind which position to read next, or `nil` when the scan is complete.
  package var nextRead: Position? { readUpTo < windowEnd ? readUpTo : nil }

  /// What was found, oldest first; complete once ``nextRead`` is `nil`.
  package var result: [EventAddress] { found }

  /// Takes the page read behind ``nextRead``. An empty page ends its window: nothing is stored there.
  package mutating func accept(_ batches: [StreamBatch], of shard: UInt32, filter: SubjectFilter) {
    var advanced = false
    for batch in batches where batch.position > readUpTo && batch.position <= windowEnd {
      for match in filter.matches(in: batch, of: shard) {
        foundInWindow.append(
          EventAddress(position: match.position, index: match.index, time: batch.time))
      }
      readUpTo = batch.position
      advanced = true
    }
    if foundInWindow.count > 2 * wanted {
      foundInWindow.removeFirst(foundInWindow.count - wanted)
    }
    if !advanced { readUpTo = windowEnd }
    if readUpTo >= windowEnd { closeWindow() }
  }

  private mutating func closeWindow() {
    found = Array((foundInWindow + found).suffix(wanted))
    foundInWindow = []
    guard windowStart > .start, found.count < wanted else { return }
    windowEnd = windowStart
    windowSize = windowSize.multipliedReportingOverflow(by: 4).partialValue
    windowStart = Position(windowEnd.number - min(windowEnd.number, windowSize))
    readUpTo = windowStart
  }
}

/// Chooses the last `count` events over several shards.
///
/// - Parameter candidates: the addresses found in each shard, oldest first.
/// - Returns: for each shard with a chosen event the address of its first. Within a shard the chosen
///   events are always the last ones, even where the clocks of former owners disagree.
package func firstOfLastEvents(
  _ count: Int, among candidates: [UInt32: [EventAddress]]
) -> [UInt32: EventAddress] {
  var rest = candidates.mapValues { $0[...] }
  var chosen: [UInt32: EventAddress] = [:]
  for _ in 0..<count {
    let newest = rest.compactMap { shard, addresses in addresses.last.map { (shard, $0) } }
      .max { ($0.1.time, $0.0) < ($1.1.time, $1.0) }
    guard let (shard, address) = newest else { break }
    chosen[shard] = address
    rest[shard]?.removeLast()
  }
  return chosen
}
