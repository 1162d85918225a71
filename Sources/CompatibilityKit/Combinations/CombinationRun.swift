import CommandLineKit
import GRPCTransport
import Logging
import NIOPosix

/// Starts the programs of a combination, runs its cases, and stops the programs.
struct CombinationRun {
  private let combination: Combination
  private let cases: [TestCase]
  private let logger: Logger

  private var function: KitProcess?
  private var proxy: KitProcess?
  private var connection: FunctionUnderTest?
  private var proxyUnderTest: ProxyUnderTest?

  init(_ combination: Combination, cases: [TestCase], logger: Logger) {
    self.combination = combination
    self.cases = cases
    self.logger = logger
  }

  /// - Throws: What `onResult` throws; a program that does not start is a problem of the result.
  mutating func run(
    onResult: (CaseResult) throws -> Void
  ) async throws -> CombinationResult {
    var result = CombinationResult(combination: combination)
    let folder = try ScratchFolder()
    let outcome: Result<[CaseResult], any Error>
    do {
      let kit = try await start(in: folder.path)
      result.library = connection?.library ?? ""
      outcome = .success(try await kit.run(cases, onResult: onResult))
    } catch {
      outcome = .failure(error)
    }
    if case .failure(let error as ProgramError) = outcome { result.problem = problem(error) }
    await stop()
    switch outcome {
    case .success(let results): result.results = results
    case .failure(let error): if result.problem == nil { throw error }
    }
    return result
  }

  private mutating func start(in folder: String) async throws -> KitRun {
    let needsFunction = cases.contains { $0.part != .scripted }
    if needsFunction, let program = combination.function {
      let port = try freePort()
      let command = try kitCommand(
        program.command, environment: program.environment, directory: program.directory,
        variables: [
          "host": "127.0.0.1", "port": "\(port)", "listen": "127.0.0.1:\(port)",
          "data": "\(folder)/function",
        ])
      function = try await KitProcess.start(command, log: "\(folder)/function.log")
      try await connect(.tcp(host: "127.0.0.1", port: port), in: folder)
    } else if needsFunction, combination.isFunctionInside {
      try await startProxy(in: folder) { .tap($0) }
      connection = try await proxyUnderTest?.functionInside()
    }
    var scripted: ScriptedRun?
    if let program = combination.proxy, cases.contains(where: { $0.part == .scripted }) {
      scripted = ScriptedRun(
        proxy: try proxyCommand(program), limit: KitRun.defaultAnswerLimit, logger: logger)
    }
    return KitRun(function: connection, proxy: proxyUnderTest, scripted: scripted)
  }

  private mutating func connect(_ address: GRPCAddress, in folder: String) async throws {
    connection = try await FunctionUnderTest.connect(
      address, suite: combination.suites == [.cart] ? .cart : .models, wait: combination.wait,
      group: MultiThreadedEventLoopGroup.singleton, logger: logger)
    guard cases.contains(where: { $0.part == .proxy }) else { return }
    try await startProxy(in: folder) { .interceptor($0, function: address) }
  }

  private mutating func startProxy(
    in folder: String, link: (GRPCAddress) -> ProxyLink
  ) async throws {
    guard let program = combination.proxy else { return }
    let (listen, port) = (
      GRPCAddress.tcp(host: "127.0.0.1", port: try freePort()), try freePort()
    )
    let command = try proxyCommand(program).command(
      link: listen, port: port, data: "\(folder)/data")
    var process: KitProcess?
    // Kept also when the proxy does not answer, to be stopped.
    defer { proxy = process }
    proxyUnderTest = try await ProxyUnderTest.connect(
      .tcp(host: "127.0.0.1", port: port), link: link(listen), wait: combination.wait,
      logger: logger
    ) {
      process = try await KitProcess.start(command, log: "\(folder)/proxy.log")
    }
  }

  private func proxyCommand(
    _ program: Combination.Program
  ) throws(ProgramError) -> ProxyCommand {
    try ProxyCommand(
      program.command, environment: program.environment, directory: program.directory,
      isFunctionInside: combination.isFunctionInside)
  }

  /// What went wrong, and what the programs wrote last.
  private func problem(_ error: ProgramError) -> String {
    var lines = [error.message]
    for (what, process) in [("the function", function), ("the proxy", proxy)] {
      guard let text = process?.lastLines(), !text.isEmpty else { continue }
      lines.append("\(what) wrote:\n\(text)")
    }
    return lines.joined(separator: "\n")
  }

  private func stop() async {
    await proxyUnderTest?.close()
    await connection?.close()
    await proxy?.stop()
    await function?.stop()
  }
}
