import SettingsReading

/// One change of the number of nodes of a service, from the request to its answer.
///
/// A pure machine: events with a time in, actions out. More nodes are started, and that is all. For fewer,
/// the coordinator is told to drain those with the highest numbers; each of them stops once it has no
/// shard, the highest first, so that the numbers of those that stay have no gap whenever it ends.
/// Who was drained by somebody else is found out first: that is not taken back when the nodes stay. All others are
/// remembered before they are drained, see ``DrainNotes``.
struct Scaling: Hashable, Sendable {
  enum Event: Hashable, Sendable {
    case tick
    /// This many of the new nodes are ready.
    case ready(Int)
    /// The coordinator has taken in a drain.
    case drainAccepted(String)
    /// The coordinator refused it.
    case drainRefused(String, reason: String)
    /// Shards of each node, as the coordinator sees it, and the nodes that are drained.
    case shards([String: Int], drained: Set<String> = [])
    /// The nodes are remembered.
    case remembered
    /// They cannot be.
    case notRemembered(String)
    /// The coordinator could not be asked, or gave an answer that is none.
    case coordinatorSilent(String)
    /// A node and its function have ended.
    case retired(String)
  }

  enum Action: Hashable, Sendable {
    /// Note durably that these are about to be drained.
    case remember([String])
    case drain(String)
    /// Take a drain back: the node stays.
    case undrain(String)
    case askForShards
    case retire(String)
    /// Nothing more will follow.
    case finish(Result)
  }

  enum Result: Hashable, Sendable {
    case done
    /// New nodes are still starting; they stay.
    case notReady(Int)
    /// A drain was refused, with the coordinator's reason.
    case refused(String, reason: String)
    /// No node was drained, because that could not be noted.
    case notRemembered(String)
    /// These nodes still had shards; they stay.
    case notDrained([String: Int])
    /// The coordinator was never heard; the last thing that went wrong.
    case coordinatorSilent(String)
  }

  /// How far nodes that are to go have come.
  private enum Phase {
    /// Who is drained already?
    case asking
    case remembering
    case draining
  }

  /// How often the coordinator is asked. Lower values end sooner after the last move and load it more.
  static let askEvery = Duration.milliseconds(500)

  let service: String
  /// The nodes that are added, or that are to go; the latter with the highest number first.
  let nodes: [String]
  let adds: Bool
  let deadline: Duration

  /// Those that are to go and have not.
  private(set) var remaining: [String]
  /// Shards of those, as last heard.
  private(set) var shards: [String: Int] = [:]
  private var readyCount = 0
  private var undrained: Set<String>
  private var phase = Phase.asking
  /// Drained by somebody else before.
  private var drainedBefore: Set<String> = []
  private var retiring: String?
  private var nextQuestion: Duration?
  private var silence: String?
  private(set) var isFinished = false

  /// - Parameters:
  ///   - nodes: as ``nodes``.
  ///   - deadline: when to give up.
  init(service: String, nodes: [String], adds: Bool, deadline: Duration) {
    self.service = service
    self.nodes = nodes
    self.adds = adds
    self.deadline = deadline
    remaining = adds ? [] : nodes
    undrained = adds ? [] : Set(nodes)
  }

  /// What to do first.
  mutating func begin(at now: Duration) -> [Action] {
    if nodes.isEmpty { return finish(.done) }
    // One of that name may have been drained before.
    guard !adds else { return nodes.map { .undrain($0) } }
    nextQuestion = now + Self.askEvery
    return [.askForShards]
  }

  /// When ``Event/tick`` is due next.
  var nextDeadline: Duration { min(nextQuestion ?? deadline, deadline) }

  mutating func handle(_ event: Event, at now: Duration) -> [Action] {
    guard !isFinished else { return [] }
    switch event {
    case .tick: return passTime(now)
    case .ready(let count):
      readyCount = count
      return count == nodes.count ? finish(.done) : []
    case .drainAccepted(let node):
      undrained.remove(node)
      return []
    case .drainRefused(let node, let reason):
      return finish(.refused(node, reason: reason))
    case .coordinatorSilent(let reason):
      silence = reason
      return []
    case .shards(_, let drained) where phase == .asking:
      silence = nil
      drainedBefore = drained.intersection(nodes)
      phase = .remembering
      return [.remember(nodes.filter { !drainedBefore.contains($0) })]
    case .remembered:
      guard phase == .remembering else { return [] }
      phase = .draining
      // Those that are drained already, too: what keeps them is tried again.
      return remaining.map { .drain($0) }
    case .notRemembered(let reason): return finish(.notRemembered(reason))
    case .shards(let counts, _):
      silence = nil
      for node in remaining { shards[node] = counts[node] ?? 0 }
      return retireNext()
    case .retired(let node):
      remaining.removeAll { $0 == node }
      retiring = nil
      return remaining.isEmpty ? finish(.done) : retireNext()
    }
  }

  /// What it is busy with, for people.
  var activity: String {
    if adds { return "starting \(nodes.joined(separator: ", "))" }
    let parts = remaining.map { node in
      if node == retiring { return "\(node) stops" }
      if undrained.contains(node) { return "\(node) is to be drained" }
      guard let count = shards[node] else { return "\(node) hands over its shards" }
      return "\(node) has \(count) \(count == 1 ? "shard" : "shards") left"
    }
    return parts.joined(separator: ", ")
      + (silence.map { "; the coordinator is silent: \($0)" } ?? "")
  }

  private mutating func passTime(_ now: Duration) -> [Action] {
    if deadline <= now {
      if adds { return finish(.notReady(nodes.count - readyCount)) }
      // A node that stops already has no shard; its end is sure and near.
      if retiring != nil { return [] }
      if let silence { return finish(.coordinatorSilent(silence)) }
      let left = Dictionary(uniqueKeysWithValues: remaining.map { ($0, shards[$0] ?? 0) })
      return finish(.notDrained(left))
    }
    guard let due = nextQuestion, due <= now else { return [] }
    nextQuestion = now + Self.askEvery
    // What was not taken in is sent again: the coordinator may have been restarting.
    let missing = phase == .draining ? remaining.filter(undrained.contains) : []
    let again = missing.map { Action.drain($0) }
    return again + [.askForShards]
  }

  private mutating func retireNext() -> [Action] {
    guard retiring == nil, let node = remaining.first, !undrained.contains(node),
      shards[node] == 0
    else { return [] }
    retiring = node
    return [.retire(node)]
  }

  private mutating func finish(_ result: Result) -> [Action] {
    isFinished = true
    var staying =
      phase == .draining ? remaining.filter { $0 != retiring && !drainedBefore.contains($0) } : []
    // A drain whose answer has not come may have been taken in; one that was refused was not.
    if case .refused(let node, _) = result { staying.removeAll { $0 == node } }
    return (result == .done ? [] : staying.map { .undrain($0) }) + [.finish(result)]
  }
}
