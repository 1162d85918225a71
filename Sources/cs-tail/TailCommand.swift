import ArgumentParser
import CommandClient
import CommandLineKit

/// `cs-tail`: follows the events of a service.
struct TailCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cs-tail",
    abstract: "Follows the events of a service.",
    discussion: """
      EXAMPLES
        cs-tail                                     new events, until Ctrl-C
        cs-tail 'cs.evt.cart.>'                     of one service
        cs-tail 'cs.evt.*.*.user1.*' --all          all of one entity, then new
        cs-tail -e shopping-cart/user1 -n 10        its last ten, then new
        cs-tail --since 10m -E -o jsonl | jq .data  the last ten minutes, then exit
        cs-tail --from 3:1042 -c 1                  the event at a position

      Subjects are cs.evt.SERVICE.PERSISTENCEID.ENTITYID.EVENT; '*' stands for one token, '>' for the \
      rest. Tailing moves nobody's position. When a node goes away the tail goes on at another \
      server of --server, without gap or repetition, and says so on standard error.

      EXIT STATUS
        0 done, or Ctrl-C while following  3 no server could be reached
        1 another failure                  5 the server has no event streams
        2 a wrong argument                 6 denied
      """,
    version: programVersion)

  @Argument(help: ArgumentHelp("Subject patterns; default: every event.", valueName: "subject"))
  var subjects: [String] = []

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Events of one entity; repeatable.", valueName: "[persistenceid/]id"))
  var entity: [String] = []

  @Flag(help: "From the first stored event.")
  var all = false

  @Option(
    name: [.customShort("n"), .customLong("tail")],
    help: ArgumentHelp("Begin with the last N matching events.", valueName: "n"))
  var last: UInt32?

  @Option(help: ArgumentHelp("Begin with events this old, for example 10m.", valueName: "age"))
  var since: Duration?

  @Option(help: ArgumentHelp("Begin at a time, RFC 3339.", valueName: "time"))
  var sinceTime: String?

  @Option(
    help: ArgumentHelp(
      "Begin a shard at a position, inclusive; repeatable.", valueName: "shard:position"))
  var from: [String] = []

  @Flag(name: [.customShort("E"), .long], help: "Exit at what is the end now.")
  var end = false

  @Flag(name: .shortAndLong, help: "Follow new events; this is the default.")
  var follow = false

  @Option(name: .shortAndLong, help: "Exit after so many events.")
  var count: Int?

  @Flag(name: .shortAndLong, help: "Only event bodies.")
  var raw = false

  @OptionGroup var options: GlobalOptions

  func validate() throws {
    if let count, count < 1 { throw ValidationError("--count must be at least 1") }
    if follow, end { throw ValidationError("--follow and --end exclude each other") }
  }

  func run() async throws {
    let now = currentTime()
    let selection = try TailSelection(arguments, now: now)
    let format = try TailFormat(options.format(), raw: raw)
    let session = try ClientSession(options)
    let console = options.console
    let run = TailRun(
      session: session, selection: selection, limit: count, startedAt: now, console: console
    ) { event in
      try console.output(format.line(event))
    }
    do {
      try await runUntilInterrupted { try await run.run() }
    } catch let error as CancellationError {
      // Ctrl-C is how a person ends a tail that follows.
      if selection.endsAtCurrent { throw error }
    }
  }

  private var arguments: TailSelection.Arguments {
    var arguments = TailSelection.Arguments()
    arguments.subjects = subjects
    arguments.entities = entity
    arguments.all = all
    arguments.last = last
    arguments.since = since
    arguments.sinceTime = sinceTime
    arguments.from = from
    arguments.end = end
    return arguments
  }
}
