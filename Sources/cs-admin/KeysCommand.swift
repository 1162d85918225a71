import ArgumentParser
import CommandLineKit
import MessageBus

/// `cs-admin keys`: makes keys.
struct KeysCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys", abstract: "Make keys.", subcommands: [BusKeyCommand.self])
}

/// `cs-admin keys bus FILE`: makes the key of a cluster's bus.
struct BusKeyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bus",
    abstract: "Make the key of a cluster's bus, in a file that only its owner can read.",
    discussion: """
      EXAMPLES
        cs-admin keys bus bus.key
            a new key; give the file to all coordinators and nodes with --bus-key

        cs-admin keys bus new.key --accept old.key
            a key to replace another one: members that have it know those of the old one, too

      Prints the public key: it may be shown to anybody, and is what an accept line of another key file
      holds. The article Security tells how to replace a key while the cluster runs.

      EXIT STATUS
        0 made   1 failure   2 wrong argument   7 the file is there already
      """)

  @Argument(help: "The file to make.", completion: .file())
  var file: String
  @Option(
    help: ArgumentHelp(
      "Key file of others that are members, too; repeatable.", valueName: "file"))
  var accept: [String] = []
  @Flag(help: "Replace the file if it is there.") var force = false
  @OptionGroup var outputOptions: OutputOptions

  func run() throws {
    let format = try outputOptions.format()
    var accepted: [String] = []
    for other in accept {
      do throws(BusKeyError) {
        accepted.append(try BusKey.read(other).publicKey)
      } catch {
        throw ProgramError(error.message, status: .usage)
      }
    }
    let key: BusKey
    do throws(BusKeyError) {
      key = try BusKey.make(accepting: accepted)
      try key.write(to: file, replacing: force)
    } catch {
      throw ProgramError(error.message, status: error.isInTheWay ? .conflict : .failure)
    }
    let console = outputOptions.console
    switch format {
    case .text:
      try console.output("public key: \(key.publicKey)")
      console.info("made \(file); next: --bus-key \(file) for all coordinators and nodes")
    case .json: try console.output(json(key).pretty)
    case .jsonl: try console.output(json(key).compact)
    }
  }

  private func json(_ key: BusKey) -> JSONText {
    .object([("file", .string(file)), ("publicKey", .string(key.publicKey))])
  }
}
