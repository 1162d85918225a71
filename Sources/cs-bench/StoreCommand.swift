import ArgumentParser
import CommandLineKit
import Logging
import ShardStore

/// The store's ceiling: events made durable by the committer with nothing around it.
struct StoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "store", abstract: "Measures the committer alone.")

  @OptionGroup var options: MeasureOptions
  @Option(help: "Where to put the database; a temporary folder when left out.") var data: String?

  func run() async throws {
    let report = BenchReport(output: options.output)
    let folder = try BenchFolder(path: data)
    defer { folder.remove() }
    for inFlight in options.inFlight.values {
      report.add(
        try await Self.measure(
          folder: folder.path, inFlight: inFlight, seconds: options.seconds))
    }
  }

  static func measure(
    folder: String, inFlight: Int, seconds: Double
  ) async throws -> LatencySummary {
    let store = try RocksDBShardStore.open(
      path: "\(folder)/store-\(inFlight)", configuration: ShardStoreConfiguration(),
      logger: Logger(label: "cs-bench"))
    defer { store.close() }
    return try await StoreLoad.run(store: store, inFlight: inFlight, seconds: seconds)
  }
}
