import ArgumentParser
import CloudstateEmbedded
import CommandLineKit
import NIOCore

/// A node and its load in one process: what the comparison starts for its rows of clients inside.
struct InsideLoadCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inside-load", abstract: "Runs a node and sends commands from inside it.",
    shouldDisplay: false)

  @Option var workload: String
  @Option var data: String
  @Option var inFlight: Int
  @Option var seconds: Double
  @Option var carts: Int
  @Option var result: String
  @Option var loops: Int?

  func run() async throws {
    try stopWithParent()
    guard let workload = Workload(rawValue: workload).flatMap(InsideWorkload.init) else {
      throw ProgramError("no workload '\(workload)' for clients inside", status: .usage)
    }
    let node = workload.node
    var arguments = [
      "--service", "bench", "--listen", "127.0.0.1:0", "--data", data, "--log-level", "warning",
    ]
    if let loops { arguments += ["--loops", "\(loops)"] }
    let load = InsideLoad(
      workload: workload, client: node.client, carts: carts, inFlight: inFlight,
      warmUp: .seconds(1), duration: .nanoseconds(Int64(seconds * 1e9)))
    let found = try await withThrowingTaskGroup(of: InsideResult?.self) { [arguments] group in
      group.addTask {
        try await node.run(arguments: arguments)
        return nil
      }
      group.addTask {
        // Waits until the node serves, so that its start is not measured.
        try await workload.send(0, carts: carts, with: node.client)
        return try await load.run()
      }
      defer { group.cancelAll() }
      for try await result in group {
        if let result { return result }
      }
      throw ProgramError("the node ended before the load")
    }
    var counted = found
    counted.answered += 1
    try counted.write(to: result)
  }

  /// Runs the load in a process of its own.
  static func measure(
    _ workload: Workload, folder: String, inFlight: Int, options: MeasureOptions, carts: Int,
    loops: Int?
  ) async throws -> LatencySummary {
    let result = "\(folder)/inside.json"
    var arguments = [
      "inside-load", "--workload", workload.rawValue, "--data",
      dataFolder(workload, in: folder), "--in-flight", "\(inFlight)", "--seconds",
      "\(options.seconds)", "--carts", "\(carts)", "--result", result,
    ]
    if let loops { arguments += ["--loops", "\(loops)"] }
    let process = try await BenchProcess.start("cs-bench", arguments)
    guard process.waitForExit() == 0 else {
      throw ProgramError("the node with its load inside failed; see its messages above")
    }
    let found = try InsideResult(path: result)
    var summary = LatencySummary(
      name: "\(workload.rowName(.embedded)), client too", inFlight: inFlight,
      errors: found.errors, seconds: options.seconds, latencies: found.latencies,
      total: found.answered)
    summary.setProcessorTime(found.processorMicroseconds)
    return summary
  }

  static func dataFolder(_ workload: Workload, in folder: String) -> String {
    "\(folder)/\(workload.rawValue)-inside"
  }
}
