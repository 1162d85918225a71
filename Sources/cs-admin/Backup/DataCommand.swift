import ArgumentParser
import Backup
import CloudstateModel
import CommandClient
import CommandLineKit
import Logging
import ShardStore

/// `cs-admin data`: looks into data directories.
struct DataCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data",
    abstract: "Checks the data directories of nodes that do not run.",
    subcommands: [DataVerifyCommand.self])
}

/// `cs-admin data verify DIRECTORY…`.
struct DataVerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Reads all shards in a data directory, and prints where each ends and its digest.",
    discussion: """
      EXAMPLES
        cs-admin data verify /var/lib/cart-1
        cs-admin data verify /var/lib/cart-1 /var/lib/cart-2

      Copies of a shard that end at the same position have the same digest, on whichever node they are, and in a \
      backup. Two that do not are told, and fail the command. The node must not run; one that runs checks its copies \
      itself (cs-node --scrub-rate).

      EXIT STATUS
        0 all is sound   1 damage, or copies that differ   5 no data directory   7 its node runs
      """)

  @Argument(help: "Data directories.", completion: .directory) var directory: [String]
  @OptionGroup var outputOptions: OutputOptions

  private struct Finding {
    var directory: String
    var shard: UInt32
    var end = ShardEnd.empty
    var chain = BatchChain.start
    var problem: String?
  }

  func run() throws {
    let format = try outputOptions.format()
    let console = outputOptions.console
    var findings: [Finding] = []
    for path in directory {
      do throws(BackupError) {
        findings += try look(into: path)
      } catch {
        throw error.programError
      }
    }
    switch format {
    case .text:
      for finding in findings where finding.end != .empty || finding.problem != nil {
        try console.output(text(finding))
      }
    case .json: try console.output(JSONText.array(findings.map(json)).pretty)
    case .jsonl: for finding in findings { try console.output(json(finding).compact) }
    }
    var isSound = true
    for finding in findings {
      guard let problem = finding.problem else { continue }
      isSound = false
      console.error("\(finding.directory), shard \(finding.shard): \(problem)")
    }
    for (shard, copies) in Dictionary(grouping: findings, by: \.shard) {
      for (position, same) in Dictionary(grouping: copies, by: \.end.position)
      where Set(same.filter { $0.problem == nil }.map(\.chain)).count > 1 {
        isSound = false
        console.error("copies of shard \(shard) differ at position \(position)")
      }
    }
    guard isSound else { throw ExitCode(ExitStatus.failure.rawValue) }
  }

  private func look(into path: String) throws(BackupError) -> [Finding] {
    try checkIsStore(path)
    let store: RocksDBShardStore
    let identity: NodeIdentity?
    do throws(StoreError) {
      store = try RocksDBShardStore.open(
        path: path, logger: Logger(label: "verify") { _ in SwiftLogNoOpLogHandler() })
      identity = try store.metadata(NodeIdentity.documentName).flatMap(NodeIdentity.init(encoded:))
    } catch {
      guard error.code != .inUse else {
        throw BackupError(
          .conflict,
          "the node of \(path) runs: stop it first, or leave it to the node, which checks its copies itself and says in "
            + "its log what it finds")
      }
      throw BackupError(
        error.code == .unknownFormatVersion ? .newerFormat : .damaged, error.message)
    }
    defer { store.close() }
    guard let identity else {
      throw BackupError(
        .notFound, "\(path) does not say whose it is: no node has started on it yet")
    }
    return (0..<identity.shardCount).map { index in
      var finding = Finding(directory: path, shard: index)
      let shard = ShardID(service: identity.service, index: index)
      do {
        _ = try store.verify(shard)
        (finding.end, finding.chain) = try store.chain(of: shard)
      } catch let error as StoreError {
        finding.problem = error.message
      } catch {
        finding.problem = "\(error)"
      }
      return finding
    }
  }

  /// Opening a store would make one in whatever folder it is.
  private func checkIsStore(_ path: String) throws(BackupError) {
    var place = path
    while place.count > 1, place.hasSuffix("/") { place.removeLast() }
    let folder: StoreFolder
    do throws(StoreError) {
      folder = try StoreFolder(place)
    } catch {
      throw BackupError(.inputOutput, error.message)
    }
    switch folder {
    case .store: return
    case .empty: throw BackupError(.notFound, "there is no data directory \(path)")
    case .coordinator:
      throw BackupError(
        .notFound,
        "\(path) is a coordinator's directory, which holds no shards; name nodes' directories")
    case .other(let stores):
      guard !stores.isEmpty else {
        throw BackupError(.notFound, "\(path) is no data directory, and none is in it")
      }
      throw BackupError(
        .notFound,
        "\(path) is no data directory; try those in it: cs-admin data verify "
          + stores.joined(separator: " "))
    }
  }

  private func text(_ finding: Finding) -> String {
    "\(finding.directory)  shard \(finding.shard)  "
      + (finding.problem.map { "damaged: \($0)" }
        ?? "position \(finding.end.position)  epoch \(finding.end.epoch)  \(finding.chain.text)")
  }

  private func json(_ finding: Finding) -> JSONText {
    .object([
      ("directory", .string(finding.directory)), ("shard", .integer(Int64(finding.shard))),
      ("position", .unsigned(finding.end.position.number)),
      ("epoch", .unsigned(finding.end.epoch.number)), ("digest", .string(finding.chain.text)),
      ("problem", .optional(finding.problem)),
    ])
  }
}
