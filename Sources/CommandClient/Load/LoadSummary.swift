import CloudstateModel
package import CommandLineKit
package import GRPCTransport
package import NIOCore

/// What a loaded run has achieved so far.
package struct LoadSummary: Sendable {
  package private(set) var latencies = LatencyHistogram()
  /// Commands by the code they ended with.
  package private(set) var outcomes: [GRPCStatus.Code: Int] = [:]
  /// The first message of each code but OK, as an example.
  package private(set) var examples: [GRPCStatus.Code: String] = [:]
  /// Attempts beyond the first of each command.
  package private(set) var retries = 0
  package private(set) var duplicates = 0
  /// From the start of the run to its end, or to now.
  package var elapsed = TimeAmount.zero

  package init() {}

  package var total: Int { outcomes.values.reduce(0, +) }
  package var succeeded: Int { outcomes[.ok] ?? 0 }

  /// Adds the outcome of one command; `latency` counts from when it was due.
  package mutating func record(_ outcome: CommandOutcome, latency: TimeAmount) {
    outcomes[outcome.status.code, default: 0] += 1
    retries += outcome.attempts - 1
    if outcome.commitment?.isDuplicate == true { duplicates += 1 }
    if outcome.status.code == .ok {
      latencies.record(nanoseconds: latency.nanoseconds)
    } else if examples[outcome.status.code] == nil {
      examples[outcome.status.code] = outcome.status.message
    }
  }

  /// Adds what another lane has achieved.
  package mutating func merge(_ other: LoadSummary) {
    latencies.merge(other.latencies)
    outcomes.merge(other.outcomes, uniquingKeysWith: +)
    examples.merge(other.examples) { mine, _ in mine }
    retries += other.retries
    duplicates += other.duplicates
  }

  /// Successful commands per second.
  package var rate: Double {
    elapsed > .zero ? Double(succeeded) * 1e9 / Double(elapsed.nanoseconds) : 0
  }

  /// The exit status: that of the most frequent failure, or `ok` without one.
  package var exitStatus: ExitStatus {
    let worst = outcomes.filter { $0.key != .ok }
      .max { ($0.value, $0.key.rawValue) < ($1.value, $1.key.rawValue) }
    return worst?.key.exitStatus ?? .ok
  }

  /// One line while the run goes on.
  package var progressLine: String {
    let failed = total - succeeded
    return "\(elapsed.nanoseconds / 1_000_000_000) s: \(succeeded) ok, "
      + "\(Self.decimal(rate, places: 0))/s" + (failed > 0 ? ", \(failed) failed" : "")
  }

  /// Lines for people.
  package var lines: [String] {
    let seconds = Self.decimal(Double(elapsed.nanoseconds) / 1e9, places: 2)
    var lines = [
      "\(total) commands in \(seconds) s: \(succeeded) ok, \(Self.decimal(rate, places: 0))/s"
        + (retries > 0 ? ", \(retries) sent again" : "")
        + (duplicates > 0 ? ", \(duplicates) answered from memory" : "")
    ]
    if let p50 = quantile(0.5), let p99 = quantile(0.99), let p999 = quantile(0.999) {
      lines.append(
        """
        latency ms: p50 \(Self.decimal(p50, places: 3))  p99 \(Self.decimal(p99, places: 3))  \
        p99.9 \(Self.decimal(p999, places: 3))  \
        max \(Self.decimal(Double(latencies.maximum) / 1e6, places: 3))
        """)
    }
    for (code, number) in failures {
      let example = examples[code].map { $0.isEmpty ? "" : "  (\($0))" } ?? ""
      lines.append("\(code.name): \(number)\(example)")
    }
    return lines
  }

  /// One object for programs.
  package var json: JSONText {
    .object([
      ("commands", .integer(Int64(total))), ("ok", .integer(Int64(succeeded))),
      ("seconds", .number(Double(elapsed.nanoseconds) / 1e9)), ("per_second", .number(rate)),
      ("retries", .integer(Int64(retries))), ("duplicates", .integer(Int64(duplicates))),
      (
        "latency_ms",
        .object([
          ("p50", milliseconds(0.5)), ("p99", milliseconds(0.99)),
          ("p99.9", milliseconds(0.999)), ("max", milliseconds(1)),
        ])
      ),
      ("errors", .object(failures.map { ($0.key.name, .integer(Int64($0.value))) })),
    ])
  }

  private var failures: [(key: GRPCStatus.Code, value: Int)] {
    outcomes.filter { $0.key != .ok }.sorted { $0.key.rawValue < $1.key.rawValue }
  }

  private func quantile(_ share: Double) -> Double? {
    latencies.latency(atQuantile: share).map { Double($0) / 1e6 }
  }

  private func milliseconds(_ share: Double) -> JSONText {
    quantile(share).map(JSONText.number) ?? .null
  }

  /// A decimal number without an exponent.
  static func decimal(_ value: Double, places: Int) -> String {
    var scale = 1.0
    for _ in 0..<places { scale *= 10 }
    let scaled = Int64((value * scale).rounded())
    guard places > 0 else { return String(scaled) }
    let digits = String(scaled.magnitude)
    let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
    return "\(scaled < 0 ? "-" : "")\(padded.dropLast(places)).\(padded.suffix(places))"
  }
}
