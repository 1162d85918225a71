import CloudstateEmbedded
import CommandLineKit
import FoundationEssentials
import Glibc
import NIOCore
import Synchronization

/// A closed loop of commands from inside the node: each of `inFlight` tasks sends its next command when its
/// last was answered.
struct InsideLoad {
  let workload: InsideWorkload
  let client: EmbeddedClient
  let carts: Int
  let inFlight: Int
  let warmUp: TimeAmount
  let duration: TimeAmount

  func run() async throws -> InsideResult {
    let before = Self.processorMicroseconds()
    let measureFrom = NIODeadline.now() + warmUp
    let end = measureFrom + duration
    let numbers = CallNumbers()
    let parts = try await withThrowingTaskGroup(of: InsideResult.self) { group in
      for _ in 0..<inFlight {
        group.addTask { try await caller(numbers, measureFrom: measureFrom, end: end) }
      }
      return try await group.reduce(into: InsideResult()) { $0.add($1) }
    }
    var result = parts
    result.processorMicroseconds = Self.processorMicroseconds() - before
    return result
  }

  private func caller(
    _ numbers: CallNumbers, measureFrom: NIODeadline, end: NIODeadline
  ) async throws -> InsideResult {
    var result = InsideResult()
    while true {
      let start = NIODeadline.now()
      guard start < end else { return result }
      do throws(CallError) {
        try await workload.send(numbers.next(), carts: carts, with: client)
        result.answered += 1
        let now = NIODeadline.now()
        if start >= measureFrom, now <= end {
          result.latencies.append(UInt64((now - start).nanoseconds))
        }
      } catch {
        result.errors += 1
        // A node that refuses everything is no measurement.
        if result.errors > 100 { throw error }
      }
    }
  }

  /// Of this process, in user and kernel.
  private static func processorMicroseconds() -> Double {
    var usage = rusage()
    getrusage(RUSAGE_SELF.rawValue, &usage)
    func microseconds(_ time: timeval) -> Double {
      Double(time.tv_sec) * 1e6 + Double(time.tv_usec)
    }
    return microseconds(usage.ru_utime) + microseconds(usage.ru_stime)
  }
}

/// Numbers the calls of all callers.
private final class CallNumbers: Sendable {
  private let count = Atomic<Int>(0)

  func next() -> Int { count.wrappingAdd(1, ordering: .relaxed).oldValue }
}

/// What a load from inside found, on its way to the process that asked for it.
struct InsideResult: Codable, Sendable {
  /// With those of the warm-up.
  var answered = 0
  var errors = 0
  var processorMicroseconds = 0.0
  var latencies: [UInt64] = []

  mutating func add(_ other: InsideResult) {
    answered += other.answered
    errors += other.errors
    latencies += other.latencies
  }

  func write(to path: String) throws {
    try JSONEncoder().encode(self).write(to: URL(filePath: path))
  }

  init() {}

  init(path: String) throws {
    self = try JSONDecoder().decode(
      InsideResult.self, from: Data(contentsOf: URL(filePath: path)))
  }
}
