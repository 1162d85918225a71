import ArgumentParser
import CommandLineKit
import GRPCTransport
import NIOCore
import NIOPosix

/// The whole comparison in one run: disk, store, transport, and a node with a Swift function of each kind of
/// entity, three processes on one machine.
struct CompareCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare", abstract: "Measures disk, store, transport and node in one run.")

  @OptionGroup var options: MeasureOptions
  @Option(help: "Folder on the disk to measure; a temporary one here when left out.")
  var data: String?
  @Option(help: "Event loops of the node.") var loops: Int?
  @Option(help: "How many carts the commands go to.") var carts = 1000
  @Flag(help: "Leave the ceilings out and measure the node only.") var nodeOnly = false

  func run() async throws {
    let folder = try BenchFolder(path: data)
    defer { folder.remove() }
    let report = BenchReport(output: options.output)
    if !nodeOnly { try await ceilings(folder: folder.path, report: report) }
    for kind in CartKind.allCases {
      try await node(kind, folder: folder.path, report: report)
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
          name: "transport: unary echo", target: echo.address, path: "/bench.Echo/echo",
          inFlight: inFlight, warmUp: .seconds(1),
          duration: .nanoseconds(Int64(options.seconds * 1e9)),
          on: MultiThreadedEventLoopGroup.singleton.next()
        ) { number in CartMessages.addItem(cart: number % 1000, product: 1) })
    }
  }

  private func node(_ kind: CartKind, folder: String, report: BenchReport) async throws {
    let port = try freePort()
    let function = try BenchProcess.start(
      kind.program, [], environment: ["HOST": "127.0.0.1", "PORT": "\(port)"])
    defer { function.stop() }
    var arguments = [
      "--service", "cart", "--node-id", "bench", "--function", "127.0.0.1:\(port)", "--listen",
      "127.0.0.1:0", "--data", "\(folder)/\(kind.program)", "--stop-with-parent", "--log-level",
      "warning",
    ]
    if let loops { arguments += ["--loops", "\(loops)"] }
    let node = try await BenchProcess.start(
      "cs-node", arguments, readyFile: "\(folder)/\(kind.program).json")
    defer { node.stop() }
    for inFlight in options.inFlight.values {
      report.add(
        try await LoadCommand.measure(
          kind, target: node.address, inFlight: inFlight, seconds: options.seconds, carts: carts))
    }
  }
}
