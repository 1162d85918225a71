import ArgumentParser
import CommandLineKit
import GRPCTransport
import NIOCore
import NIOPosix

/// The whole comparison in one run: disk, store, transport, and nodes with a Swift function for events,
/// values, actions and replicated entities, beside the node and inside it.
struct CompareCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare", abstract: "Measures disk, store, transport and node in one run.")

  @OptionGroup var options: MeasureOptions
  @Option(help: "Folder on the disk to measure; a temporary one here when left out.")
  var data: String?
  @Option(help: "Event loops of the node.") var loops: Int?
  @Option(help: "How many carts the commands go to.") var carts = 1000
  @Option(
    help:
      "What to ask of nodes: events, streamed-events, values, actions, crdts, separated by commas.")
  var workloads = WorkloadList(values: Workload.allCases)
  @Flag(help: "Leave the ceilings out and measure the node only.") var nodeOnly = false

  func run() async throws {
    let folder = try BenchFolder(path: data)
    defer { folder.remove() }
    let report = BenchReport(output: options.output)
    if !nodeOnly { try await ceilings(folder: folder.path, report: report) }
    for workload in workloads.values {
      try await node(workload, folder: folder.path, report: report)
    }
  }

  private func ceilings(folder: String, report: BenchReport) async throws {
    report.add(try SyncCommand.measure(folder: folder, seconds: min(options.seconds, 2)))
    for inFlight in options.inFlight.values {
      report.add(
        try await StoreCommand.measure(
          folder: folder, inFlight: inFlight, seconds: options.seconds))
    }
    let echo = try await BenchProcess.start(
      "cs-bench", ["echo-server"], readyFile: "\(folder)/echo.json")
    defer { echo.stop() }
    for inFlight in options.inFlight.values {
      report.add(
        try await UnaryLoad.run(
          name: "transport: unary echo", target: echo.address, inFlight: inFlight,
          warmUp: .seconds(1),
          duration: .nanoseconds(Int64(options.seconds * 1e9)),
          on: MultiThreadedEventLoopGroup.singleton.next()
        ) { number in
          UnaryCall(
            path: "/bench.Echo/echo",
            message: CartMessages.addItem(cart: number % 1000, product: 1))
        })
    }
  }

  /// All ways to host the function are measured in turns, so that a machine that changes its pace changes
  /// all of them; where the workload has one, the client inside the node as well.
  private func node(_ workload: Workload, folder: String, report: BenchReport) async throws {
    var nodes: [(hosting: Hosting, processes: NodeProcesses)] = []
    var sums = Sums()
    do {
      for hosting in Hosting.allCases {
        nodes.append(
          (hosting, try await .start(workload, hosting, folder: folder, loops: loops)))
      }
      for inFlight in options.inFlight.values {
        for (hosting, processes) in nodes {
          let before = try processes.processorMicroseconds()
          var summary = try await LoadCommand.measure(
            workload, name: workload.rowName(hosting), target: processes.address,
            inFlight: inFlight, seconds: options.seconds, carts: carts)
          summary.setProcessorTime(try processes.processorMicroseconds() - before)
          sums.add(summary, in: processes.dataFolder)
          report.add(summary)
        }
        guard InsideWorkload(workload) != nil else { continue }
        let summary = try await InsideLoadCommand.measure(
          workload, folder: folder, inFlight: inFlight, options: options, carts: carts,
          loops: loops)
        sums.add(summary, in: InsideLoadCommand.dataFolder(workload, in: folder))
        report.add(summary)
      }
    } catch {
      for node in nodes { node.processes.stop() }
      throw error
    }
    for node in nodes { node.processes.stop() }
    if workload.storesOneEvent { try sums.check() }
  }

  /// Commands by the data folder of the node they went to.
  private struct Sums {
    private var commands: [String: Int] = [:]
    private var hasErrors: Set<String> = []

    mutating func add(_ summary: LatencySummary, in folder: String) {
      commands[folder, default: 0] += summary.total
      if summary.errors > 0 { hasErrors.insert(folder) }
    }

    /// Where a command failed nobody knows how many events there should be.
    func check() throws {
      for (folder, count) in commands where !hasErrors.contains(folder) {
        try StoredEvents.check(folder, commands: count, of: folder)
      }
    }
  }
}
