package import CloudstateModel
import NIOCore
import NIOPosix
import ShardStore

/// Brings reports to the coordinator, in the order of the calls of one thread; the closure is called when it has heard or
/// could not be reached. See ``ShardReplicator/report(to:)``.
package typealias ShardReporter =
  @Sendable (_ reports: [ShardReport], _ heard: @escaping @Sendable () -> Void) -> Void

/// What a loop keeps to tell the coordinator of its shards.
struct ReportDesk {
  /// How often the coordinator hears of all shards, whether there is news or not.
  static let interval = TimeAmount.seconds(1)
  /// How old the sizes and ends of shards may be that are reported.
  static let measuringInterval: UInt64 = 5_000_000_000

  var reporter: ShardReporter?
  var queue = ReportQueue()
  /// A look at the queue is under way.
  var isLooking = false
  var timer: RepeatedTask?
  /// The revision of each shard's machine that was queued last.
  var revisions: [ShardID: UInt64] = [:]
  var sizes: [ShardID: UInt64] = [:]
  /// Where shards ended whose primary this node was, and is if the epoch says so.
  var ends: [ShardID: ShardEnd] = [:]
  /// Where copies ended that were copies then: what a primary had may be gone from the copy that it became.
  var copyEnds: [ShardID: ShardEnd] = [:]
  var measuredAt: Uptime = 0
}

// What the coordinator is to hear of a loop's shards. It goes straight from the loop: one that asked all loops, one after
// the other, would let the fence of a move wait for those that are busy.
extension LoopShards {
  /// Reports to whoever this is from now on: everything now and from time to time, news at once.
  func report(to reporter: @escaping ShardReporter) {
    guard !isStopped else { return }
    desk.reporter = reporter
    let own = NIOLoopBound(self, eventLoop: eventLoop)
    desk.timer = eventLoop.scheduleRepeatedTask(
      initialDelay: .zero, delay: ReportDesk.interval
    ) { _ in
      let shards = own.value
      shards.desk.queue.addAll()
      shards.sendReports()
      shards.measureIfDue()
    }
  }

  func noteNews(of shard: ShardID) {
    guard let revision = machines[shard]?.reportRevision, desk.revisions[shard] != revision
    else { return }
    desk.revisions[shard] = revision
    desk.queue.add(shard)
    // What else this turn of the loop brings goes with it, such as the other shards of a plan.
    guard !desk.isLooking else { return }
    desk.isLooking = true
    let own = NIOLoopBound(self, eventLoop: eventLoop)
    eventLoop.execute {
      own.value.desk.isLooking = false
      own.value.sendReports()
    }
  }

  private func sendReports() {
    guard let reporter = desk.reporter, !isStopped, let message = desk.queue.next() else { return }
    let reports =
      switch message {
      case .of(let shards): reports(of: shards)
      case .ofAll: reports()
      }
    guard !reports.isEmpty else { return desk.queue.ended() }
    let (own, eventLoop) = (NIOLoopBound(self, eventLoop: eventLoop), eventLoop)
    reporter(reports) {
      eventLoop.execute {
        own.value.desk.queue.ended()
        own.value.sendReports()
      }
    }
  }

  /// What the coordinator should know. Sizes and ends are those of some seconds ago where a machine does not know them.
  func reports() -> [ShardReport] { reports(of: machines.keys) }

  private func reports(of shards: some Sequence<ShardID>) -> [ShardReport] {
    let now = now
    return shards.sorted().compactMap { shard in
      guard let machine = machines[shard] else { return nil }
      guard var report = machine.report(now: now) else {
        return desk.copyEnds[shard].flatMap { machine.report(ofCopyEndingAt: $0) }
      }
      // Without copies nothing passes the machine when a batch is committed.
      if let end = desk.ends[shard], report.isServing, end.epoch == report.epoch,
        end.position > report.lastPosition
      {
        (report.lastPosition, report.lastEpoch) = (end.position, end.epoch)
      }
      report.bytes = desk.sizes[shard] ?? 0
      report.commands = environment.hosting.takeCommandCount(of: shard)
      return report
    }
  }

  /// Asks for the sizes and ends of shards where that may block.
  private func measureIfDue() {
    guard now.since(desk.measuredAt) >= ReportDesk.measuringInterval else { return }
    desk.measuredAt = now
    let primaries = machines.values.filter(\.isPrimary).map(\.shard)
    let copies = machines.values.filter { $0.phase == .copy }.map(\.shard)
    let store = environment.store.inner
    let (own, eventLoop) = (NIOLoopBound(self, eventLoop: eventLoop), eventLoop)
    environment.reader.submit { state in
      guard state == .active else { return }
      let sizes = Dictionary(
        uniqueKeysWithValues: primaries.map { ($0, store.approximateBytes(of: $0)) })
      let (ends, copyEnds) = (Self.ends(of: primaries, in: store), Self.ends(of: copies, in: store))
      eventLoop.execute {
        own.value.desk.sizes = sizes
        own.value.desk.ends = ends
        own.value.desk.copyEnds = copyEnds
      }
    }
  }

  /// Without those that cannot be read: they are nothing that could take over.
  private static func ends(
    of shards: [ShardID], in store: any ShardCopies
  ) -> [ShardID: ShardEnd] {
    Dictionary(
      uniqueKeysWithValues: shards.compactMap { shard in
        (try? store.end(of: shard)).map { (shard, $0) }
      })
  }
}
