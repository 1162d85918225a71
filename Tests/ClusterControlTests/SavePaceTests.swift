import Testing

@testable import ClusterControl

@Suite struct SavePaceTests {
  @Test func aFewAtOnceThenOneEachInterval() {
    var pace = SavePace()
    let start = Duration.seconds(1000)
    for _ in 0..<SavePace.burst {
      #expect(pace.delay(at: start) == .zero)
      pace.began(at: start)
    }
    #expect(pace.delay(at: start) == SavePace.interval)
    #expect(pace.delay(at: start + SavePace.interval) == .zero)
    pace.began(at: start + SavePace.interval)
    #expect(pace.delay(at: start + SavePace.interval) == SavePace.interval)
  }

  @Test func restBringsTheBurstBack() {
    var pace = SavePace()
    for _ in 0..<SavePace.burst { pace.began(at: .seconds(5)) }
    let later = Duration.seconds(5) + SavePace.interval * SavePace.burst
    for _ in 0..<SavePace.burst {
      #expect(pace.delay(at: later) == .zero)
      pace.began(at: later)
    }
    #expect(pace.delay(at: later) == SavePace.interval)
  }
}
