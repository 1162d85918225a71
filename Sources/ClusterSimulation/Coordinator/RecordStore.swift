import ClusterControl

/// Where a coordinator keeps its record (`CoordinatorStore`).
protocol RecordStore: AnyObject {
  /// Writes the record; `completion` hears whether it is kept now, or never will be in this coordinator's name.
  func save(_ record: CoordinatorRecord, completion: @escaping (Bool) -> Void)
}

/// The disk of a coordinator that is alone.
final class DiskStore: RecordStore {
  private unowned let owner: SimCoordinator

  init(of owner: SimCoordinator) { self.owner = owner }

  func save(_ record: CoordinatorRecord, completion: @escaping (Bool) -> Void) {
    let (process, world) = (owner.process, owner.cluster.world)
    let span = world.random.span(owner.sync)
    // The record is on the disk a little before the process hears of it.
    process.after(span) { [self] in
      owner.stored = record
      world.monitor.kept(record, fence: 0)
      process.after(world.random.span(1_000...500_000)) { completion(true) }
    }
  }
}

/// The record in etcd, for one term of a leader (`EtcdCoordinatorStore` and `LeadershipTerm`): each write demands that
/// the key of the leader is still this term's, and that the record is the one that was read or written last.
final class TermStore: RecordStore {
  let fence: Int64
  private unowned let cluster: SimCluster
  private let etcd: SimEtcd
  private let process: SimProcess
  /// No write is begun any more.
  private(set) var isOver = false
  /// The revision at which the record was last changed.
  private var changed: Int64?
  private var isBusy = false
  private var idle: [() -> Void] = []

  init(fence: Int64, etcd: SimEtcd, process: SimProcess, cluster: SimCluster) {
    self.fence = fence
    self.etcd = etcd
    self.process = process
    self.cluster = cluster
  }

  func end() { isOver = true }

  /// Calls when no request is under way.
  func whenIdle(_ body: @escaping () -> Void) {
    if isBusy { idle.append(body) } else { body() }
  }

  /// Reads the record; `completion` hears `nil` if the term is over.
  func load(completion: @escaping (CoordinatorRecord??) -> Void) {
    insist("read") { contents, _ in
      contents.state
    } completion: { [self] answer in
      guard let state = answer else { return completion(nil) }
      changed = state?.changed ?? 0
      completion(.some(state?.record))
    }
  }

  /// Begins with what was read before the term, whatever is there now.
  func beginUnread() { changed = nil }

  func save(_ record: CoordinatorRecord, completion: @escaping (Bool) -> Void) {
    let isBlind = cluster.settings.plant == .writeWithoutFence
    let demanded: (fence: Int64?, changed: Int64?) = isBlind ? (nil, nil) : (fence, changed)
    let (fence, monitor) = (self.fence, cluster.world.monitor)
    insist("write \(record.version)") { contents, _ in
      let outcome = contents.write(record, fence: demanded.fence, changed: demanded.changed)
      if case .done = outcome { monitor.kept(record, fence: fence) }
      return outcome
    } completion: { [self] answer in
      completion(isKept(record, answer))
    }
  }

  private func isKept(_ record: CoordinatorRecord, _ answer: EtcdContents.Writing?) -> Bool {
    switch answer {
    // The term is over, and what became of the last attempt is not known.
    case nil: return cluster.settings.plant == .trustLostAnswer
    case .done(let revision):
      if changed != nil { changed = revision }
      return true
    case .refused(let leader, let state):
      // An attempt without an answer may have been carried out.
      guard leader == fence, let state, state.record == record else { return false }
      changed = state.changed
      return true
    }
  }

  /// Makes a request until it is answered; `completion` hears `nil` if the term is over before.
  private func insist<Answer>(
    _ label: @autoclosure @escaping () -> String,
    _ decide: @escaping (inout EtcdContents, UInt64) -> Answer,
    completion: @escaping (Answer?) -> Void
  ) {
    isBusy = true
    guard !isOver else { return finish(nil, completion) }
    etcd.request(
      label(), from: process, timeout: Span.second, attempt: 500 * Span.millisecond, decide
    ) { [self] result in
      switch result {
      case .success(let answer): finish(answer, completion)
      case .failure where cluster.settings.plant == .trustLostAnswer: finish(nil, completion)
      case .failure:
        process.afterOwn(100 * Span.millisecond) { [self] in
          insist(label(), decide, completion: completion)
        }
      }
    }
  }

  private func finish<Answer>(_ answer: Answer?, _ completion: (Answer?) -> Void) {
    isBusy = false
    completion(answer)
    guard !isBusy else { return }
    let due = idle
    idle = []
    due.forEach { $0() }
  }
}
