import CommandLineKit

/// What one measurement found.
struct LatencySummary: Sendable {
  var name: String
  var inFlight: Int
  var operations: Int
  var errors: Int
  var seconds: Double
  /// Operations of the whole run, with those of the warm-up.
  private(set) var total: Int
  /// Processor time of the measured processes for each operation, where it was measured.
  private(set) var processorMicroseconds: Double?
  /// Latencies in nanoseconds, ascending.
  private var sorted: [UInt64]

  init(
    name: String, inFlight: Int, errors: Int, seconds: Double, latencies: [UInt64],
    total: Int? = nil
  ) {
    self.name = name
    self.inFlight = inFlight
    self.operations = latencies.count
    self.errors = errors
    self.seconds = seconds
    self.total = total ?? latencies.count
    self.sorted = latencies.sorted()
  }

  /// Shares out the processor time of the whole run.
  mutating func setProcessorTime(_ microseconds: Double) {
    processorMicroseconds = microseconds / Double(max(total, 1))
  }

  var perSecond: Double { seconds > 0 ? Double(operations) / seconds : 0 }

  /// The latency below which `fraction` of the operations were, in milliseconds.
  func milliseconds(_ fraction: Double) -> Double {
    guard !sorted.isEmpty else { return 0 }
    let index = min(sorted.count - 1, Int(Double(sorted.count) * fraction))
    return Double(sorted[index]) / 1e6
  }

  /// A row of the table that ``header`` begins.
  var row: String {
    [
      name.padded(to: 48), "\(inFlight)".paddedLeft(to: 9), "\(Int(perSecond))".paddedLeft(to: 11),
      milliseconds(0.5).threeDecimals.paddedLeft(to: 9),
      milliseconds(0.99).threeDecimals.paddedLeft(to: 9),
      milliseconds(0.999).threeDecimals.paddedLeft(to: 9), "\(errors)".paddedLeft(to: 7),
      (processorMicroseconds.map { "\(Int($0.rounded()))" } ?? "").paddedLeft(to: 7),
    ].joined(separator: " ")
  }

  static let header = [
    "what".padded(to: 48), "in flight".paddedLeft(to: 9), "per second".paddedLeft(to: 11),
    "p50 ms".paddedLeft(to: 9), "p99 ms".paddedLeft(to: 9), "p99.9 ms".paddedLeft(to: 9),
    "errors".paddedLeft(to: 7), "cpu us".paddedLeft(to: 7),
  ].joined(separator: " ")

  /// The row as one JSON object.
  var json: String {
    "{\"name\":\(quoted(name)),\"inFlight\":\(inFlight),\"perSecond\":\(Int(perSecond)),"
      + "\"p50Milliseconds\":\(milliseconds(0.5).threeDecimals),"
      + "\"p99Milliseconds\":\(milliseconds(0.99).threeDecimals),"
      + "\"p999Milliseconds\":\(milliseconds(0.999).threeDecimals),"
      + (processorMicroseconds.map { "\"processorMicroseconds\":\($0.threeDecimals)," } ?? "")
      + "\"operations\":\(operations),\"errors\":\(errors)}"
  }

  private func quoted(_ text: String) -> String { "\"\(text)\"" }
}

extension String {
  fileprivate func padded(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }

  fileprivate func paddedLeft(to width: Int) -> String {
    String(repeating: " ", count: max(0, width - count)) + self
  }
}

extension Double {
  /// Rounded to three decimals, always printed with three.
  var threeDecimals: String {
    let thousandths = Int((self * 1000).rounded())
    let fraction = String(thousandths % 1000)
    return "\(thousandths / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
  }
}
