import ArgumentParser
import Backup
import CloudstateModel
import CommandClient
import CommandLineKit
import Logging

/// `cs-admin restore`: brings a backup back.
struct RestoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Makes data directories from a backup.",
    discussion: """
      EXAMPLES
        cs-admin restore --from nightly --data /var/lib/cart --node cart-1
            everything into the directory of one node

        cs-admin restore --from nightly --coordinator /var/lib/coordinator \\
            --data cart-1=/var/lib/cart-1 --data cart-2=/var/lib/cart-2
            spread over two nodes, and the coordinator's directory, which knows what is where

        cs-admin restore --from users --coordinator /var/lib/coordinator --data users-1=/var/lib/users-1
            then another service of the same cluster, before its coordinator starts

      Asks no node; nothing may run on the directories, which must be empty or not there yet. They are made beside \
      their places and moved there when all of it was read back and has the digests of the backup: all or none. One that \
      was there when a restore was interrupted is refused by whoever starts on it. Then start the \
      coordinator and the nodes on them, with the names given here. More nodes may join later; with several \
      copies of each shard (cs-node --replication) the nodes make the others themselves.

      EXIT STATUS
        0 restored           2 wrong argument       7 a directory is not empty
        1 another failure    5 no finished backup
      """)

  @Option(
    help: ArgumentHelp("The folder of the backup.", valueName: "folder"), completion: .directory)
  var from: String
  @Option(
    help: ArgumentHelp(
      "Data directory to make, and the node that it is for; repeatable.",
      valueName: "[node=]directory"))
  var data: [String]
  @Option(
    help: ArgumentHelp(
      "The node of a single --data; default: whichever starts on it first.", valueName: "name"))
  var node: String?
  @Option(
    help: ArgumentHelp(
      "Data directory of the coordinator to make; needed for several nodes.",
      valueName: "directory"))
  var coordinator: String?
  @OptionGroup var outputOptions: OutputOptions

  func validate() throws {
    if data.isEmpty { throw ValidationError("--data is needed") }
    if data.count > 1, node != nil {
      throw ValidationError("--node is for a single --data; use --data NODE=DIRECTORY")
    }
  }

  func run() throws {
    let format = try outputOptions.format()
    let console = outputOptions.console
    do throws(BackupError) {
      let backup = try BackupReader(from)
      let targets = try targets(of: backup.manifest)
      for path in targets.map(\.path) { try BackupRestoration.checkEmpty(path) }
      let plan = RestoredPlan(backup.manifest, targets: targets)
      let isSecond = try coordinator.map { path throws(BackupError) in
        try plan.isSecond(in: path)
      }
      console.info("restoring \(backup.manifest.text)")
      let restoration = BackupRestoration(
        backup, logger: Logger(label: "restore") { _ in SwiftLogNoOpLogHandler() }
      ) { console.detail("shard \($0) is restored") }
      var directories = targets.map(restoration.directory)
      if let coordinator, isSecond == true {
        try RestoredDirectories.make(directories) { () throws(BackupError) in
          try plan.add(to: coordinator)
        }
      } else {
        if let coordinator { directories.append(plan.directory(coordinator)) }
        try RestoredDirectories.make(directories)
      }
      for target in targets {
        console.info("made \(target.path) with \(target.shards.count) shards")
      }
      if let coordinator {
        console.info(
          isSecond == true
            ? "added the service to \(coordinator), the coordinator's directory"
            : "made \(coordinator), the coordinator's directory")
      }
      try report(backup.manifest, targets, format, console)
    } catch {
      throw error.programError
    }
    if coordinator == nil {
      console.info(
        "start it as the service's only node: a coordinator that gives shards to others would give "
          + "them empty ones; restore with --coordinator for more nodes")
    }
  }

  private func targets(
    of manifest: BackupManifest
  ) throws(BackupError) -> [BackupRestoration.Target] {
    let places = BackupRestoration.split(shardCount: manifest.shardCount, over: data.count)
    var targets: [BackupRestoration.Target] = []
    for (text, shards) in zip(data, places) {
      let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
      let named = parts.count == 2 ? NodeID(parts[0]) : nil
      let path = named == nil ? text : parts[1]
      var owner = named
      if let node {
        guard let name = NodeID(node), named == nil || named == name else {
          throw BackupError(.usage, "'\(node)' is no name of a node, or another one than in --data")
        }
        owner = name
      }
      targets.append(.init(path: path, node: owner, shards: shards))
    }
    let names = targets.compactMap(\.node)
    if targets.count > 1 || coordinator != nil {
      guard names.count == targets.count, Set(names).count == names.count else {
        throw BackupError(
          .usage, "each directory needs the name of its node: --data cart-1=/var/lib/cart-1")
      }
    }
    guard targets.count == 1 || coordinator != nil else {
      throw BackupError(
        .usage,
        "several nodes need --coordinator DIRECTORY: the coordinator must know which node has which "
          + "shard")
    }
    guard
      Set(targets.map(\.path) + [coordinator].compactMap(\.self)).count
        == targets.count + (coordinator == nil ? 0 : 1)
    else { throw BackupError(.usage, "each directory can be used once") }
    return targets
  }

  private func report(
    _ manifest: BackupManifest, _ targets: [BackupRestoration.Target], _ format: OutputFormat,
    _ console: Console
  ) throws(BackupError) {
    let json = JSONText.object(
      [
        (
          "directories",
          .array(
            targets.map { target in
              .object([
                ("directory", .string(target.path)), ("node", .optional(target.node?.text)),
                ("shards", .array(target.shards.map { .integer(Int64($0)) })),
              ])
            })
        ), ("coordinator", .optional(coordinator)),
      ] + manifest.members)
    do {
      switch format {
      case .text: try console.output("restored and verified: \(manifest.text)")
      case .json: try console.output(json.pretty)
      case .jsonl: try console.output(json.compact)
      }
    } catch {
      throw BackupError(.inputOutput, "everything was restored, but not said: \(error)")
    }
  }
}
