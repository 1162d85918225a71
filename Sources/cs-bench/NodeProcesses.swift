import GRPCTransport

/// A node under measurement, and its user function if that is a process of its own.
struct NodeProcesses {
  let node: BenchProcess
  /// Where the node keeps its data.
  let dataFolder: String
  private let function: BenchProcess?

  /// Starts both and waits until the node is ready.
  static func start(
    _ workload: Workload, _ hosting: Hosting, folder: String, loops: Int?
  ) async throws -> NodeProcesses {
    let name = hosting == .embedded ? "\(workload.program)-node" : workload.program
    let dataFolder = "\(folder)/\(workload.rawValue)-\(name)"
    var arguments = [
      "--service", "bench", "--listen", "127.0.0.1:0", "--data", dataFolder,
      "--stop-with-parent", "--log-level", "warning",
    ]
    if let loops { arguments += ["--loops", "\(loops)"] }
    let readyFile = "\(folder)/\(name).json"
    switch hosting {
    case .embedded:
      return NodeProcesses(
        node: try await BenchProcess.start(name, arguments, readyFile: readyFile),
        dataFolder: dataFolder, function: nil)
    case .ownProcess:
      let port = try freePort()
      let function = try await BenchProcess.start(
        name, [], environment: ["HOST": "127.0.0.1", "PORT": "\(port)"])
      do {
        let node = try await BenchProcess.start(
          "cs-node", arguments + ["--function", "127.0.0.1:\(port)"], readyFile: readyFile)
        return NodeProcesses(node: node, dataFolder: dataFolder, function: function)
      } catch {
        function.stop()
        throw error
      }
    }
  }

  var address: GRPCAddress { node.address }

  /// Processor time that both have used since their start.
  func processorMicroseconds() throws -> Double {
    try node.processorMicroseconds() + (function?.processorMicroseconds() ?? 0)
  }

  func stop() {
    node.stop()
    function?.stop()
  }
}
