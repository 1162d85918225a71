import ArgumentParser
import CloudstateProtocol
import CommandClient
import CommandLineKit

/// `cs-admin entity events TYPE ID`.
struct EntityEventsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "events",
    abstract: "Prints the journal of an entity, one line an event.",
    discussion: """
      EXAMPLES
        cs-admin entity events shopping-cart user1
        cs-admin entity events shopping-cart user1 --from 100 --limit 20
        cs-admin entity events ShoppingCart user1 -o jsonl | jq .data

      Events are printed as they come; with -o json there is one array. Of a value entity they are its values.
      Needs the right 'admin cs.admin.entity.events'.

      EXIT STATUS
        0 printed   3 unreachable   5 no such type or entity   6 denied
      """)

  @OptionGroup var entity: EntityOptions
  @Option(help: ArgumentHelp("The first event.", valueName: "sequence")) var from: Int64 = 1
  @Option(help: ArgumentHelp("At most so many events.", valueName: "count")) var limit: Int?

  func validate() throws {
    if from < 1 { throw ValidationError("events are counted from 1: --from \(from)") }
    if let limit, limit < 1 { throw ValidationError("--limit must be at least 1") }
  }

  func run() async throws {
    let options = entity.options
    let format = try options.format()
    let console = options.console
    var all: [JSONText] = []
    try await ClientSession(options).entityEvents(
      entity.type, entity.id, from: from, limit: limit
    ) { event, _ in
      switch format {
      case .text: try console.output(event.text)
      case .json: all.append(event.jsonText)
      case .jsonl: try console.output(event.jsonText.compact)
      }
    }
    if format == .json { try console.output(JSONText.array(all).pretty) }
  }
}
