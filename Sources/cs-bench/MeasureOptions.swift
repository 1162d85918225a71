import ArgumentParser
import CommandLineKit

/// What all measurements may be told.
struct MeasureOptions: ParsableArguments {
  @Option(help: "Numbers of operations in flight, separated by commas.")
  var inFlight = IntegerList(values: [1, 64, 512])

  @Option(help: "Seconds per measurement.")
  var seconds = 5.0

  @Option(name: .shortAndLong, help: "text or json (one object a line).")
  var output = OutputFormat.text

  func validate() throws {
    guard seconds > 0, seconds <= 600 else {
      throw ValidationError("--seconds must be above 0 and at most 600")
    }
  }
}

/// Positive numbers separated by commas.
struct IntegerList: ExpressibleByArgument {
  var values: [Int]

  init(values: [Int]) { self.values = values }

  init?(argument: String) {
    let numbers = argument.split(separator: ",").map { Int($0) }
    guard !numbers.isEmpty, numbers.allSatisfy({ (1...10_000).contains($0 ?? 0) }) else {
      return nil
    }
    values = numbers.compactMap { $0 }
  }

  var defaultValueDescription: String { values.map(String.init).joined(separator: ",") }
}

/// Prints rows as they come: a table, or one JSON object a line.
struct BenchReport {
  let output: OutputFormat

  init(output: OutputFormat) {
    self.output = output
    if output == .text { print(LatencySummary.header) }
  }

  func add(_ summary: LatencySummary) { print(output == .text ? summary.row : summary.json) }
}
