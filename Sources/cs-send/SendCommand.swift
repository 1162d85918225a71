import ArgumentParser
import CloudstateModel
import CommandClient
import CommandLineKit
import Glibc

/// `cs-send`: sends commands to a service and prints the replies.
struct SendCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cs-send",
    abstract: "Sends commands to a service and prints the replies.",
    discussion: """
      EXAMPLES
        cs-send ShoppingCart/AddItem '{"userId":"ada","productId":"p","quantity":2}'
        cs-send ShoppingCart/GetCart '{"userId":"user1"}' | jq .items
        cs-send ShoppingCart/AddItem @item.json --show-events
        cs-send cs.cmd.cart.GetCart '{"userId":"user1"}' -o json
        cs-send -s https://cart.example:9000 --token-file t Carts/Get '{"id":"a"}'
        generate-items | cs-send ShoppingCart/AddItem --lines --auto-key --retry
        cs-send ShoppingCart/AddItem -T --count 10000 --concurrency 64 \\
          '{"userId":"u{{random 1 500}}","productId":"p{{count}}","quantity":1}'

      The service may be shortened to its last component where that is unique. Bodies are JSON and are \
      translated by the descriptors that the server offers (gRPC reflection).

      TEMPLATES (-T)
        {{count}}       number of the command, from 1     {{uuid}}  a random UUID
        {{random A B}}  a whole number from A to B        {{time}}  milliseconds since 1970

      EXIT STATUS
        0 the command was carried out      4 the user function refused it
        1 another failure                  5 no such service, method or entity
        2 a wrong argument or body         6 denied
        3 unreachable or no answer in time 7 conflict with the present state
        With several commands: the status of the first failure (--lines) or of the most frequent \
      one (load runs); 130 after Ctrl-C.
      """,
    version: programVersion)

  @Argument(help: ArgumentHelp("SERVICE/METHOD, or the subject cs.cmd.SERVICE.METHOD."))
  var target: String

  @Argument(
    help: ArgumentHelp("JSON, @FILE, or - for standard input; default {}.", valueName: "json"))
  var body: String?

  @Flag(help: "Each line of standard input is the body of one command.")
  var lines = false

  @Option(
    name: [.customShort("H"), .long],
    help: ArgumentHelp("Request header; repeatable.", valueName: "name:value"))
  var header: [String] = []

  @Option(help: "A second command with the same key is answered from memory.")
  var idempotencyKey: String?

  @Flag(help: "A fresh idempotency key for each command.")
  var autoKey = false

  @Flag(
    help: """
      Send again after UNAVAILABLE or DEADLINE_EXCEEDED, to the next server, until --timeout. \
      Implies --auto-key unless a key is given.
      """)
  var retry = false

  @Option(help: "Load run: commands in all.")
  var count: Int?

  @Option(help: "Load run: commands per second.")
  var rate: Double?

  @Option(help: "Commands in flight; default 16 for load runs, 1 with --lines.")
  var concurrency: Int?

  @Option(help: "Load run: how long to send, for example 30s.")
  var duration: Duration?

  @Flag(name: [.customShort("T"), .long], help: "Fill in {{...}} in bodies and keys.")
  var template = false

  @Flag(help: "After the reply, print the events the command caused.")
  var showEvents = false

  @Flag(name: .shortAndLong, help: "Only replies; no remarks.")
  var raw = false

  @Option(help: ArgumentHelp("Write one JSON line per command.", valueName: "file"))
  var report: String?

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let plan = try SendPlan(try arguments())
    let session = try ClientSession(options)
    let console =
      raw ? Console(verbosity: .quiet, color: options.outputOptions.color) : options.console
    let run = SendRun(plan: plan, session: session, console: console, wallClock: currentTime)
    let status =
      if case .load = plan.mode {
        try await runUntilInterrupted { try await run.run() }
      } else {
        try await run.run()
      }
    if status != .ok { throw ExitCode(status.rawValue) }
  }

  private func arguments() throws -> SendPlan.Arguments {
    var arguments = SendPlan.Arguments()
    arguments.target = target
    arguments.body = body
    arguments.lines = lines
    arguments.headers = header
    arguments.idempotencyKey = idempotencyKey
    arguments.autoKey = autoKey
    arguments.retry = retry
    arguments.count = count
    arguments.rate = rate
    arguments.concurrency = concurrency
    arguments.duration = duration
    arguments.template = template
    arguments.showEvents = showEvents
    arguments.raw = raw
    arguments.format = try options.format()
    arguments.report = report
    return arguments
  }
}
