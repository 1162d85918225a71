import ArgumentParser
import CommandLineKit
import CompatibilityKit
import GRPCTransport

/// `cs-tck check`: tests a user function and a proxy that run.
struct CheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Test a user function, and a proxy, that run already (the default).",
    discussion: """
      EXAMPLES
        cs-tck 127.0.0.1:8080
        cs-tck --only event-sourced,value-entity
        cs-tck --only 'AM1*' --only ESM20
        cs-tck -o json | jq '.cases[] | select(.outcome == "failed")'
        cs-tck --wait 60s --junit tck.xml
        cs-tck --list
        cs-tck --suite cart
        cs-tck --proxy 127.0.0.1:9000 --listen 127.0.0.1:8090 --only proxy
        cs-tck --proxy 127.0.0.1:9000 --tap 127.0.0.1:8090
        cs-tck --only scripted --proxy-command \
          '${bin}/cs-node --service tck --function ${function} --listen ${listen} --data ${data}'

      Plays the sidecar for a user function that serves the model services of the compatibility kit, \
      such as tck-model. Cases whose services it does not serve are skipped. A failed case shows what \
      was expected, what came, and its clause of the specification.

      With --proxy it also stands between a proxy and the user function. Start the proxy with the \
      address of --listen as its user function, and with an empty store or another --ids.

      With --tap instead of --listen it tests a node with the user function inside, such as \
      tck-model-node, started anew with the same --tap: the node tells every message between the two. \
      Cases that call the function itself are left out.

      With --proxy-command the kit plays the user function too, and misbehaves. In the command \
      ${function} stands for where it listens, ${listen} for where the proxy has to, ${port} for the \
      port of that, ${data} for a folder of its own and ${bin} for the folder of cs-tck.

      NOTATION
        I           activate          C1 [..]  command 1    P  passivate
        R1 "A"      reply A           FW1 x    forward      X1 "t"  failure
        ev snap     events, snapshot  up del   change of a value
        se seS      side effects, asynchronous and synchronous

      EXIT STATUS
        0 all cases that ran passed    2 a wrong argument
        1 a case failed, or none ran   3 the user function does not answer
      """)

  @Argument(
    help: ArgumentHelp(
      "Where the user function listens; default 127.0.0.1:8080.", valueName: "host:port"))
  var address: String?

  @Option(
    help: ArgumentHelp(
      "Only these cases or groups, or all of model, proxy or scripted; * stands for anything; repeatable.",
      valueName: "pattern"))
  var only: [String] = []

  @Option(
    help: ArgumentHelp(
      "The cases: models for protocol 0.2, cart for libraries of protocol 0.1.",
      valueName: "models|cart"))
  var suite = TestSuite.models

  @Flag(help: "Print the cases instead of running them.")
  var list = false

  @Option(help: "How long to wait for the user function to answer.")
  var wait: Duration = .seconds(10)

  @Option(help: ArgumentHelp("Also write the results as JUnit XML.", valueName: "file"))
  var junit: String?

  @Option(
    help: ArgumentHelp("Also test the proxy that listens here.", valueName: "host:port"))
  var proxy: String?

  @Option(
    help: ArgumentHelp(
      "Where the proxy under test finds its user function; default 127.0.0.1:8090.",
      valueName: "host:port"))
  var listen: String?

  @Option(
    help: ArgumentHelp(
      "Listen here for what a node tells of the user function inside it.", valueName: "host:port"))
  var tap: String?

  @Option(
    help: ArgumentHelp(
      "Also run the scripted cases, each with a proxy that this starts.", valueName: "command"))
  var proxyCommand: String?

  @Option(help: ArgumentHelp("First part of the entity ids at the proxy.", valueName: "prefix"))
  var ids = "entity"

  @OptionGroup var options: OutputOptions

  func run() async throws {
    let selection = CaseSelection(only)
    if list { return try print(selection.choose(from: suite.cases)) }
    let function = try parsed(address ?? "127.0.0.1:8080")
    let link = try link(to: function)
    let session = KitSession(
      address: function, suite: suite, wait: wait,
      selection: selection, format: try options.format(), junitPath: junit,
      console: options.console,
      proxy: try proxy.map {
        KitSession.Proxy(address: try parsed($0), link: link, entityPrefix: ids)
      }, proxyCommand: try proxyCommand.map { try ProxyCommand($0) })
    let status = try await session.run()
    if status != .ok { throw ExitCode(status.rawValue) }
  }

  private func link(to function: GRPCAddress) throws -> ProxyLink {
    guard let tap else {
      return .interceptor(try parsed(listen ?? "127.0.0.1:8090"), function: function)
    }
    guard proxy != nil, address == nil, listen == nil else {
      throw ProgramError(
        "--tap goes with --proxy, and with neither --listen nor the address of a function",
        hint: "cs-tck --proxy 127.0.0.1:9000 --tap \(tap)", status: .usage)
    }
    return .tap(try parsed(tap))
  }

  private func parsed(_ text: String) throws -> GRPCAddress {
    guard let address = GRPCAddress(text) else {
      throw ProgramError(
        "'\(text)' is not an address", hint: "cs-tck 127.0.0.1:8080", status: .usage)
    }
    return address
  }

  private func print(_ cases: [TestCase]) throws {
    let console = options.console
    switch try options.format() {
    case .text:
      for testCase in cases {
        let padding = String(repeating: " ", count: max(0, 6 - testCase.id.count))
        try console.output("\(testCase.id)\(padding) \(testCase.group.rawValue): \(testCase.title)")
      }
    case .json: try console.output(JSONText.array(cases.map(\.json)).pretty)
    case .jsonl: for testCase in cases { try console.output(testCase.json.compact) }
    }
  }
}

extension TestSuite: ExpressibleByArgument {}
