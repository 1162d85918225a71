import ArgumentParser
import CloudstateProtocol
import CommandClient
import CommandLineKit

/// `cs-admin entity get TYPE ID`.
struct EntityGetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "get",
    abstract: "Shows where an entity is, its last event, and its newest snapshot or value.",
    discussion: """
      EXAMPLES
        cs-admin entity get shopping-cart user1
        cs-admin entity get com.example.shoppingcart.ShoppingCart user1 -o json
        cs-admin entity get ShoppingCart user1 --server 10.0.0.7:9000 --token "$TOKEN"

      Needs the right 'admin cs.admin.entity.get'; without access rules, a connection from the node's own machine.

      EXIT STATUS
        0 shown   3 unreachable   5 no such type or entity   6 denied
      """)

  @OptionGroup var entity: EntityOptions

  func run() async throws {
    let options = entity.options
    let format = try options.format()
    let state = try await ClientSession(options).entity(entity.type, entity.id)
    let console = options.console
    switch format {
    case .text: try console.output(state.text)
    case .json: try console.output(state.json.pretty)
    case .jsonl: try console.output(state.json.compact)
    }
  }
}

/// `cs-admin entity snapshot TYPE ID`.
struct EntitySnapshotCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "snapshot",
    abstract: "Prints the newest snapshot of an entity, or the value of a value entity.",
    discussion: """
      EXAMPLES
        cs-admin entity snapshot shopping-cart user1
        cs-admin entity snapshot ShoppingCart user1 -o json

      Without -o json only the state is printed, as JSON where the service's descriptors know its type.
      Needs the right 'admin cs.admin.entity.get'.

      EXIT STATUS
        0 shown   3 unreachable   5 no such type or entity, or no snapshot   6 denied
      """)

  @OptionGroup var entity: EntityOptions

  func run() async throws {
    let options = entity.options
    let format = try options.format()
    let state = try await ClientSession(options).entity(entity.type, entity.id)
    guard state.hasSnapshot else {
      throw ProgramError(
        "there is no snapshot of \(state.type.persistenceID)/\(entity.id); its last event is "
          + "\(state.lastSequence)",
        hint: "cs-admin entity events \(entity.type) \(entity.id)", status: .notFound)
    }
    guard !state.snapshot.typeURL.isEmpty else {
      throw ProgramError(
        "\(state.type.persistenceID)/\(entity.id) was deleted with change \(state.lastSequence)",
        status: .notFound)
    }
    let console = options.console
    switch format {
    case .text: try console.output(state.snapshot.payloadText)
    case .json: try console.output(state.snapshot.jsonText.pretty)
    case .jsonl: try console.output(state.snapshot.jsonText.compact)
    }
  }
}
