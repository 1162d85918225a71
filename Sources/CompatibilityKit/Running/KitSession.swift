package import CommandLineKit
package import GRPCTransport
import Logging
import NIOPosix

/// What `cs-tck` does: connects, runs the chosen cases, and reports.
package struct KitSession: Sendable {
  /// Where the user function listens; of no meaning for one inside the proxy.
  package var address: GRPCAddress
  /// How long to wait for it to answer.
  package var wait: Duration
  package var suite: TestSuite
  package var selection: CaseSelection
  package var format: OutputFormat
  /// Where to write the results as JUnit XML.
  package var junitPath: String?
  package var console: Console
  /// The proxy to be tested too.
  package var proxy: Proxy?
  /// How to start a proxy for scripted cases.
  package var proxyCommand: ProxyCommand?

  /// Where the proxy listens, and how it is tested.
  package struct Proxy: Sendable {
    package var address: GRPCAddress
    package var link: ProxyLink
    /// See ``KitRun/entityPrefix``.
    package var entityPrefix: String

    package init(address: GRPCAddress, link: ProxyLink, entityPrefix: String) {
      self.address = address
      self.link = link
      self.entityPrefix = entityPrefix
    }
  }

  package init(
    address: GRPCAddress, suite: TestSuite = .models, wait: Duration, selection: CaseSelection,
    format: OutputFormat, junitPath: String?, console: Console, proxy: Proxy? = nil,
    proxyCommand: ProxyCommand? = nil
  ) {
    self.proxy = proxy
    self.proxyCommand = proxyCommand
    self.address = address
    self.suite = suite
    self.wait = wait
    self.selection = selection
    self.format = format
    self.junitPath = junitPath
    self.console = console
  }

  /// Runs and prints.
  ///
  /// - Returns: `ok` if cases ran and none failed, else `failure`.
  /// - Throws: ``ProgramError``: `usage` for a pattern without a match, `unreachable` for a function
  ///   that does not answer.
  package func run() async throws -> ExitStatus {
    let cases = try chosenCases()
    let logger = Logger(label: "cs-tck") { _ in SwiftLogNoOpLogHandler() }
    if cases.allSatisfy({ $0.part == .scripted }) {
      return try await run(cases, KitRun(function: nil, scripted: scripted(logger)), nil)
    }
    if isFunctionInside { return try await runWithProxy(cases, nil, logger) }
    let function = try await FunctionUnderTest.connect(
      address, suite: suite, wait: wait, group: MultiThreadedEventLoopGroup.singleton,
      logger: logger)
    let outcome: Result<ExitStatus, any Error>
    do {
      outcome = .success(try await runWithProxy(cases, function, logger))
    } catch {
      outcome = .failure(error)
    }
    await function.close()
    return try outcome.get()
  }

  /// Whether only the proxy reaches the user function.
  private var isFunctionInside: Bool {
    if case .tap = proxy?.link { true } else { false }
  }

  private func scripted(_ logger: Logger) -> ScriptedRun? {
    proxyCommand.map { ScriptedRun(proxy: $0, limit: KitRun.defaultAnswerLimit, logger: logger) }
  }

  /// Without a proxy, or a command for one, the cases that need it are left out; and so are those of a
  /// function that only its proxy reaches.
  private func chosenCases() throws(ProgramError) -> [TestCase] {
    let possible = try selection.choose(from: suite.cases).filter { testCase in
      switch testCase.part {
      case .model: !isFunctionInside
      case .proxy: proxy != nil
      case .scripted: proxyCommand != nil
      }
    }
    guard possible.isEmpty else { return possible }
    if isFunctionInside {
      throw ProgramError(
        "the chosen cases call or play the user function, which is inside the proxy",
        hint: "cs-tck HOST:PORT without --tap, for the function as a program of its own",
        status: .usage)
    }
    throw ProgramError(
      "the chosen cases test a proxy",
      hint: "cs-tck --proxy 127.0.0.1:9000, or --proxy-command for scripted cases", status: .usage)
  }

  private func runWithProxy(
    _ cases: [TestCase], _ function: FunctionUnderTest?, _ logger: Logger
  ) async throws -> ExitStatus {
    let scripted = scripted(logger)
    guard let proxy else {
      return try await run(cases, KitRun(function: function, scripted: scripted), function)
    }
    let connected = try await ProxyUnderTest.connect(
      proxy.address, link: proxy.link, wait: wait, logger: logger
    ) {
      switch proxy.link {
      case .interceptor(let listen, _):
        console.info("waiting for a proxy whose user function is \(listen)")
      case .tap(let listen): console.info("waiting for a node with --tap \(listen)")
      }
    }
    let outcome: Result<ExitStatus, any Error>
    do {
      let function = if let function { function } else { try await connected.functionInside() }
      var kit = KitRun(function: function, proxy: connected, scripted: scripted)
      kit.entityPrefix = proxy.entityPrefix
      outcome = .success(try await run(cases, kit, function))
    } catch {
      outcome = .failure(error)
    }
    await connected.close()
    return try outcome.get()
  }

  private var place: String {
    guard isFunctionInside, let proxy else { return "at \(address)" }
    return "inside \(proxy.address), without the cases that call it themselves"
  }

  private func run(
    _ cases: [TestCase], _ kit: KitRun, _ function: FunctionUnderTest?
  ) async throws -> ExitStatus {
    if let function { console.info("testing \(function.library) \(place)") }
    var text = TextReport(console: console)
    let results = try await kit.run(cases) { result in
      switch format {
      case .text: for line in text.lines(result) { try console.output(line) }
      case .jsonl: try console.output(result.json.compact)
      case .json: break
      }
    }
    if format == .json {
      let report = jsonReport(
        results, address: function == nil || isFunctionInside ? "" : address.description,
        library: function?.library ?? "")
      try console.output(report.pretty)
    }
    let tally = Tally(results)
    if format == .text { try console.output("\n\(text.summary(tally))") }
    if let junitPath { try writeAtomically(junitPath, junitReport(results)) }
    if tally.passed + tally.failed == 0 {
      console.warning("no case ran: the user function serves none of the services they need")
      return .failure
    }
    return tally.failed == 0 ? .ok : .failure
  }
}
