package import Backup
import CloudstateModel
import CloudstateProtocol
package import CommandLineKit
import GRPCTransport
import NIOCore
import ShardStore
import SwiftProtobuf

/// Makes a backup of a running service (see ``BackupFormat``).
///
/// The cut: first all owners are asked how far the consumers of events have come, then all are asked where their
/// shards end, then the batches up to there are fetched. So everything that was acknowledged before the run
/// began is in the backup, and so are the effects of each event that a consumer is said to have done: they were
/// acknowledged before the ends were asked for. What follows the cut is left out.
package struct BackupRun: Sendable {
  package struct Settings: Sendable {
    package var folder: String
    /// Shards fetched at the same time.
    package var concurrency = 4
    /// How long nobody may answer for a shard before the run gives up.
    package var patience: Duration = .seconds(60)
    /// Bytes a second; `nil` for as fast as possible.
    package var rate: Int?

    package init(folder: String) { self.folder = folder }
  }

  /// What the run did.
  package struct Summary: Sendable {
    package var manifest: BackupManifest
    /// What was fetched by this run.
    package var newBatches: UInt64
    package var newBytes: UInt64
  }

  private let session: ClientSession
  let settings: Settings
  let console: Console

  package init(_ session: ClientSession, _ settings: Settings, console: Console) {
    self.session = session
    self.settings = settings
    self.console = console
  }

  /// - Throws: ``ProgramError``. What was fetched stays in the folder, and the next run goes on from there.
  package func run() async throws -> Summary {
    let caller = await ServerCaller(session)
    let result: Result<Summary, any Error>
    do { result = .success(try await run(caller)) } catch { result = .failure(error) }
    await caller.close()
    do {
      return try result.get()
    } catch let status as GRPCStatus {
      throw status.dataError(
        of: session, verb: "data.backup", hint: "the same command goes on where this one ended")
    } catch let error as BackupError {
      throw error.programError
    }
  }

  private func run(_ caller: ServerCaller) async throws -> Summary {
    let startedAt = currentTime()
    let description: Cloudstate_Admin_DataDescription = try await caller.persistentCall(
      "/cloudstate.admin.Data/describe", Cloudstate_Admin_DescribeDataRequest(),
      patience: session.timeout)
    guard let service = ServiceName(description.service), description.shardCount > 0 else {
      throw ProgramError("the node answers what cannot be understood")
    }
    let folder = try BackupFolder(
      path: settings.folder, service: service, shardCount: description.shardCount)
    let cut = try await cut(of: description.shardCount, startedAt: startedAt, caller)
    try folder.begin(cut)
    let total = cut.shards.reduce(UInt64(0)) { $0 + $1.end.position.number }
    console.info(
      "the cut of \(service): \(cut.shards.count) shards, \(total) batches; run \(folder.run) into "
        + settings.folder)

    let meter = BackupMeter(rate: settings.rate, console: console)
    let shards = try await fetch(cut, into: folder, meter, caller)
    let replicas = try await fetchReplicas(description, into: folder, meter, caller)
    let manifest = BackupManifest(
      service: service, shardCount: description.shardCount, run: folder.run, startedAt: startedAt,
      finishedAt: currentTime(), softwareVersion: programVersion, shards: shards,
      replicas: replicas)
    try folder.finish(manifest)
    let (batches, bytes) = meter.total
    return Summary(manifest: manifest, newBatches: batches, newBytes: bytes)
  }

  // MARK: The cut

  private func cut(
    of shardCount: UInt32, startedAt: Timestamp, _ caller: ServerCaller
  ) async throws -> BackupCut {
    let before = try await states(of: shardCount, caller)
    let after = try await states(of: shardCount, caller)
    return BackupCut(
      startedAt: startedAt,
      shards: zip(before, after).map { before, after in
        var consumers: [ConsumerID: ConsumerPosition] = [:]
        for consumer in before.consumers {
          let id = ConsumerID(
            serviceName: consumer.serviceName, group: consumer.group, eventLog: consumer.eventLog)
          consumers[id] = ConsumerPosition(
            batches: Position(consumer.position), events: consumer.events)
        }
        return BackupCut.Shard(
          end: ShardEnd(after.end), consumers: consumers, node: after.nodeID)
      })
  }

  /// Asks the owners of all shards.
  private func states(
    of shardCount: UInt32, _ caller: ServerCaller
  ) async throws -> [Cloudstate_Admin_ShardState] {
    let states = try await inParallel(shardCount, atOnce: 16) { index in
      let state: Cloudstate_Admin_ShardState = try await caller.persistentCall(
        "/cloudstate.admin.Data/shard",
        Cloudstate_Admin_ShardStateRequest.with { $0.shard = index },
        patience: TimeAmount(settings.patience), retrying: waiting(for: index))
      return state
    }
    return states
  }

  private func waiting(for shard: UInt32) -> @Sendable (GRPCStatus) -> Void {
    { [console] status in console.detail("waiting for shard \(shard): \(status.text)") }
  }

  // MARK: Shards

  private func fetch(
    _ cut: BackupCut, into folder: BackupFolder, _ meter: BackupMeter, _ caller: ServerCaller
  ) async throws -> [BackupManifest.Shard] {
    try await inParallel(folder.shardCount, atOnce: settings.concurrency) { index in
      let target = cut.shards[Int(index)]
      let backup = try ShardBackup(index: index, in: folder)
      do {
        try await fetch(backup, upTo: target.end.position, meter, caller)
      } catch let status as GRPCStatus where status.code == .failedPrecondition {
        // Perhaps only what an interrupted run has left is of another history.
        guard backup.hasUnfinished else {
          throw BackupError(
            .conflict,
            "the backup in \(settings.folder) is of another history of shard \(index) than the "
              + "service's (\(status.text)); make this backup into another folder")
        }
        backup.startOver()
        try await fetch(backup, upTo: target.end.position, meter, caller)
      }
      return try backup.finish(consumers: target.consumers)
    }
  }

  private func fetch(
    _ backup: ShardBackup, upTo end: Position, _ meter: BackupMeter, _ caller: ServerCaller
  ) async throws {
    if backup.end.position > end { backup.startOver() }
    guard backup.end.position <= end else {
      throw BackupError(
        .conflict,
        "shard \(backup.shard.index) ends at position \(end), and the backup in \(settings.folder) "
          + "holds \(backup.end.position) batches of it: the service has lost data, or has another "
          + "history; make this backup into another folder")
    }
    // An empty round, too, shows whether the history is the same.
    repeat {
      let before = backup.end
      let page: Cloudstate_Admin_ShardDeltas = try await caller.persistentCall(
        "/cloudstate.admin.Data/deltas",
        Cloudstate_Admin_ShardDeltasRequest.with {
          $0.shard = backup.shard.index
          $0.after = .init(before)
          $0.upTo = end.number
        }, patience: TimeAmount(settings.patience), retrying: waiting(for: backup.shard.index))
      try backup.append(page.deltas.map { Array($0) })
      guard backup.end != before || before.position == end else {
        throw ProgramError("node \(page.nodeID) answers nothing behind position \(before.position)")
      }
      let bytes = page.deltas.reduce(0) { $0 + $1.count }
      try await meter.took(batches: page.deltas.count, bytes: bytes)
    } while backup.end.position < end
  }

  /// Does something for each shard, several at once, and answers the results in order.
  private func inParallel<Answer: Sendable>(
    _ shardCount: UInt32, atOnce: Int, _ body: @escaping @Sendable (UInt32) async throws -> Answer
  ) async throws -> [Answer] {
    try await withThrowingTaskGroup(of: (UInt32, Answer).self) { group in
      var answers: [Answer?] = Array(repeating: nil, count: Int(shardCount))
      var next: UInt32 = 0
      while next < min(shardCount, UInt32(clamping: max(1, atOnce))) {
        let index = next
        group.addTask { (index, try await body(index)) }
        next += 1
      }
      while let (done, answer) = try await group.next() {
        answers[Int(done)] = answer
        guard next < shardCount else { continue }
        let index = next
        group.addTask { (index, try await body(index)) }
        next += 1
      }
      return answers.compactMap(\.self)
    }
  }
}

extension ShardEnd {
  fileprivate init(_ mark: Cloudstate_Admin_BatchMark) {
    self =
      mark.position == 0
      ? .empty
      : ShardEnd(
        position: Position(mark.position), epoch: Epoch(mark.epoch),
        time: Timestamp(unixMilliseconds: mark.timeUnixMilliseconds))
  }
}

extension Cloudstate_Admin_BatchMark {
  fileprivate init(_ end: ShardEnd) {
    self.init()
    guard end != .empty else { return }
    position = end.position.number
    epoch = end.epoch.number
    timeUnixMilliseconds = end.time.unixMilliseconds
  }
}

extension BackupError {
  /// The error that ends a program.
  package var programError: ProgramError {
    let status: ExitStatus =
      switch code {
      case .usage: .usage
      case .notFound: .notFound
      case .conflict: .conflict
      case .damaged, .newerFormat, .inputOutput: .failure
      }
    return ProgramError(message, status: status)
  }
}
