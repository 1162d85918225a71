import ArgumentParser
import CommandLineKit

/// What copies of shards cost: the same load with one, two and three of each.
struct EntityCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "entity",
    abstract: "Durable commands to three nodes, with one, two and three copies of each shard.",
    discussion: """
      EXAMPLES
        cs-bench entity
        cs-bench entity --replication 1,2 --in-flight 64 --seconds 10
      """)

  @OptionGroup var options: MeasureOptions
  @Option(help: "Numbers of copies, separated by commas.")
  var replication = IntegerList(values: [1, 2, 3])
  @Option(help: "Folder for the databases; default: a temporary one here.") var data: String?
  @Option(help: "How many carts the commands go to.") var carts = 1000

  func validate() throws {
    guard replication.values.allSatisfy({ $0 <= 3 }) else {
      throw ValidationError("--replication takes numbers from 1 to 3: there are three nodes")
    }
  }

  func run() async throws {
    let folder = try BenchFolder(path: data)
    defer { folder.remove() }
    let report = BenchReport(output: options.output)
    for copies in replication.values {
      let own = try BenchFolder(path: "\(folder.path)/copies-\(copies)")
      let cluster = try await BenchCluster(
        folder: own.path, nodes: 3, shards: 12, replication: copies)
      defer { cluster.stop() }
      for inFlight in options.inFlight.values {
        report.add(
          try await LoadCommand.measure(
            .durableEvents, name: "three nodes: durable events, \(copies) of each shard",
            target: cluster.addresses[0], inFlight: inFlight, seconds: options.seconds,
            carts: carts))
      }
    }
  }
}
