import CloudstateModel
import ClusterControl
import TestSupport
import Testing

@Suite struct ConcurrencyMeterTests {
  private static let second: UInt64 = 1_000_000_000

  @Test("Concurrency is averaged over the time spent at each level")
  func average() {
    var count = ConcurrencyCount(start: 0)
    // Level 1 for 1 s, level 3 for 2 s, level 2 for 1 s, then 0 for 4 s.
    count.begin(at: 0)
    count.begin(at: Self.second)
    count.begin(at: Self.second)
    count.end(begunAt: 0, at: 3 * Self.second)
    count.end(begunAt: Self.second, at: 4 * Self.second)
    count.end(begunAt: Self.second, at: 4 * Self.second)
    let measure = count.take(at: 8 * Self.second)
    #expect(measure.concurrency == 9.0 / 8)
    #expect(measure.count == 3)
    #expect(measure.timeNanoseconds == Int64(9 * Self.second))
  }

  @Test("Work that is under way counts on in the next interval, and begins only once")
  func intervals() {
    var count = ConcurrencyCount(start: 0)
    count.begin(at: Self.second / 2)
    #expect(count.take(at: Self.second).concurrency == 0.5)
    let next = count.take(at: 2 * Self.second)
    #expect(next == WorkMeasure(concurrency: 1, timeNanoseconds: 0, count: 0))
    count.end(begunAt: Self.second / 2, at: 2 * Self.second + Self.second / 4)
    let last = count.take(at: 3 * Self.second)
    #expect(last.concurrency == 0.25)
    #expect(last.timeNanoseconds == Int64(Self.second / 4 * 7))
  }

  @Test("Times that go back, ends without a beginning and empty intervals do no harm")
  func oddities() {
    var count = ConcurrencyCount(start: Self.second)
    count.end(begunAt: 0, at: Self.second)
    count.begin(at: 0)
    count.begin(at: 2 * Self.second)
    count.begin(at: Self.second)
    let measure = count.take(at: 3 * Self.second)
    #expect(measure.concurrency == 2)
    #expect(count.take(at: 3 * Self.second).concurrency == 3)
    #expect(count.take(at: .max).concurrency.isFinite)
  }

  @Test("Any sequence measures as a sum over all instants does")
  func anySequence() {
    var random = SeededGenerator(seed: testSeed("concurrency"))
    for _ in 0..<200 {
      var count = ConcurrencyCount(start: 0)
      var open: [UInt64] = []
      var now: UInt64 = 0
      var area: UInt64 = 0
      var begun: Int64 = 0
      for _ in 0..<Int.random(in: 0...50, using: &random) {
        let step = UInt64.random(in: 0...10, using: &random)
        area += UInt64(open.count) * step
        now += step
        if open.isEmpty || Bool.random(using: &random) {
          count.begin(at: now)
          open.append(now)
          begun += 1
        } else {
          count.end(begunAt: open.removeFirst(), at: now)
        }
      }
      area += UInt64(open.count)
      now += 1
      let measure = count.take(at: now)
      let expected = Double(area) / Double(now)
      #expect(abs(measure.concurrency - expected) < 1e-9)
      #expect(measure.count == begun)
    }
  }

  @Test("Many threads lose nothing")
  func threads() async throws {
    let meters = NodeMeters(node: try node("n0"), incarnation: 7, at: 0)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          for _ in 0..<1_000 {
            meters.requests.begin(at: 0)
            meters.functions.begin(at: 0)
            meters.requests.end(begunAt: 0, at: 10)
          }
        }
      }
    }
    let sample = meters.sample(at: 1_010)
    #expect(sample.requests.count == 8_000)
    #expect(sample.requests.timeNanoseconds == 80_000)
    #expect(sample.functions.concurrency > 7_900)
    #expect(sample.store == .none)
    #expect(sample.intervalNanoseconds == 1_010)
    #expect(sample.isPlausible)
  }
}
