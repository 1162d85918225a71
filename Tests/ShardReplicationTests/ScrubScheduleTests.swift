import CloudstateModel
import Testing

@testable import ShardReplication

/// Which copy is checked when.
struct ScrubScheduleTests {
  private let shards: [ShardID]
  private let second: Uptime = 1_000_000_000

  init() throws {
    let service = try #require(ServiceName("cart"))
    shards = (0..<4).map { ShardID(service: service, index: $0) }
  }

  @Test("A pass checks each copy once, and the next one begins an interval after it began")
  func passes() {
    var schedule = ScrubSchedule(interval: .seconds(100), startedAt: 0)
    #expect(schedule.next(of: shards, now: 0) == .rest(until: 60 * second))
    let start = 60 * second
    for shard in shards {
      #expect(schedule.next(of: shards.reversed(), now: start + 1) == .verify(shard))
    }
    #expect(schedule.next(of: shards, now: start + second) == .passed)
    #expect(
      schedule.next(of: shards, now: start + second) == .rest(until: start + 1 + 100 * second))
    #expect(schedule.next(of: shards, now: start + 101 * second) == .verify(shards[0]))
  }

  @Test("Copies that come and go during a pass are no reason to begin anew, or to wait")
  func changes() {
    var schedule = ScrubSchedule(interval: .seconds(1), startedAt: 0)
    #expect(schedule.next(of: [shards[1]], now: second) == .verify(shards[1]))
    // One in front is for the next pass, one behind for this.
    #expect(schedule.next(of: [shards[0], shards[3]], now: 9 * second) == .verify(shards[3]))
    #expect(schedule.next(of: [shards[0]], now: 9 * second) == .passed)
    // The pass took longer than the interval.
    #expect(schedule.next(of: [shards[0]], now: 9 * second) == .verify(shards[0]))
    #expect(schedule.next(of: [], now: 10 * second) == .passed)
  }

  @Test("A rate that is too low to end, and an interval without end, are refused")
  func settings() {
    var settings = ScrubSettings()
    #expect(settings.problems() == [])
    settings.bytesPerSecond = 0
    #expect(settings.problems() == [])
    settings.bytesPerSecond = 100
    settings.interval = .zero
    #expect(settings.problems().count == 2)
  }
}
