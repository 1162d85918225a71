import CommandClient
import CommandLineKit
import GRPCTransport
import NIOCore
import TestSupport
import Testing

@Suite struct LoadTests {
  @Test("Quantiles are never too small, and too large by 1.6 % at most")
  func quantiles() {
    var random = SeededGenerator(seed: testSeed("latency histogram"))
    for _ in 0..<5 {
      var histogram = LatencyHistogram()
      let values = (0..<500).map { _ in
        Int64.random(in: 0...Int64(1) << Int64.random(in: 0...40, using: &random), using: &random)
      }
      for value in values { histogram.record(nanoseconds: value) }
      let sorted = values.sorted()
      for quantile in [0, 0.5, 0.9, 0.99, 0.999, 1] {
        let rank = max(1, Int((quantile * 500).rounded(.up)))
        let exact = Double(sorted[rank - 1])
        let found = Double(histogram.latency(atQuantile: quantile) ?? 0)
        #expect(found >= exact && found <= exact * 1.016 + 1, "\(quantile): \(exact), \(found)")
      }
      #expect(histogram.maximum == UInt64(sorted[499]))
    }
  }

  @Test("Extreme latencies are counted, an empty histogram has no quantile")
  func extremes() {
    var histogram = LatencyHistogram()
    #expect(histogram.latency(atQuantile: 0.5) == nil)
    histogram.record(nanoseconds: -5)
    histogram.record(nanoseconds: .max)
    #expect(histogram.latency(atQuantile: 0) == 0)
    #expect(histogram.latency(atQuantile: 1) == UInt64(Int64.max))
  }

  @Test("Merging is the same as recording together")
  func merging() {
    var left = LatencyHistogram()
    var right = LatencyHistogram()
    var both = LatencyHistogram()
    for value in Int64(0)..<300 {
      if value % 3 == 0 {
        left.record(nanoseconds: value * value)
      } else {
        right.record(nanoseconds: value * value)
      }
      both.record(nanoseconds: value * value)
    }
    left.merge(right)
    #expect(left == both)
  }

  @Test("Without a rate a command is due at once, with one at its time, beyond the bounds never")
  func schedule() {
    let free = LoadSchedule(count: 3, rate: nil, duration: nil)
    #expect(free.due(index: 2, elapsed: .seconds(9)) == .seconds(9))
    #expect(free.due(index: 3, elapsed: .zero) == nil)
    let paced = LoadSchedule(count: nil, rate: 4, duration: .seconds(2))
    #expect(paced.due(index: 3, elapsed: .seconds(1)) == .milliseconds(750))
    #expect(paced.due(index: 8, elapsed: .seconds(1)) == nil)
    #expect(paced.due(index: 1, elapsed: .seconds(2)) == nil)
  }

  @Test("The summary counts by code and takes the status of the most frequent failure")
  func summary() throws {
    func outcome(_ code: GRPCStatus.Code, attempts: Int = 1) -> CommandOutcome {
      CommandOutcome(
        status: GRPCStatus(code, "because"), reply: nil, commitment: nil, errorCode: nil,
        attempts: attempts,
        latency: .zero, server: .tcp(host: "h", port: 1))
    }
    var summary = LoadSummary()
    #expect(summary.exitStatus == .ok)
    for _ in 0..<3 { summary.record(outcome(.ok, attempts: 2), latency: .milliseconds(2)) }
    summary.record(outcome(.unavailable), latency: .zero)
    var other = LoadSummary()
    other.record(outcome(.unknown), latency: .zero)
    other.record(outcome(.unknown), latency: .zero)
    summary.merge(other)
    summary.elapsed = .milliseconds(1500)
    #expect(summary.exitStatus == .rejected)
    #expect(summary.retries == 3)
    #expect(summary.lines.first == "6 commands in 1.50 s: 3 ok, 2/s, 3 sent again")
    #expect(summary.lines.contains("UNKNOWN: 2  (because)"))
    #expect(summary.json.compact.contains(#""errors":{"UNKNOWN":2,"UNAVAILABLE":1}"#))
  }
}
