import ArgumentParser
import CommandLineKit

/// `cs-admin entity`: what is stored of one entity.
struct EntityCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "entity",
    abstract: "Shows what is stored of one entity.",
    discussion: """
      EXAMPLES
        cs-admin entity get shopping-cart user1
        cs-admin entity events shopping-cart user1 --from 100 --limit 20
        cs-admin entity snapshot ShoppingCart user1 | jq .

      Any node can be asked; it asks the owner of the entity's shard. What is shown is what its store holds: an \
      event may be there already that other copies of the shard do not have yet.
      """,
    subcommands: [EntityGetCommand.self, EntityEventsCommand.self, EntitySnapshotCommand.self])
}

/// Which entity.
struct EntityOptions: ParsableArguments {
  @Argument(
    help: "Persistence id, or the entity's gRPC service: its full name or the last part of it.")
  var type: String
  @Argument(help: "The entity's id.") var id: String
  @OptionGroup var options: GlobalOptions

  func validate() throws {
    if id.isEmpty { throw ValidationError("an entity's id is not empty") }
  }
}
