import CloudstateModel
import DequeModule

/// Commands that wait for an owner of their shard, in the order in which they came: a pure value. Times are in
/// nanoseconds of the monotonic clock.
///
/// ```
///                      woke, changed            taken, or no refusal in time
///   (none) --> waiting --------------> probing ------------------------------> releasing --> (none)
///                 ^                       | refused                                | refused,
///                 +-----------------------+----------------------------------------+ or more came
/// ```
///
/// Who comes while a shard has a line stands behind the others, so that no command overtakes another. The first
/// is tried alone: an owner that begins or ceases to serve would otherwise take some of many and refuse those
/// before them. A refusal takes no time, so one that has not come after a moment means that the command was taken, or is
/// kept by an owner that is about to serve, which keeps the order. Only where a shard moves on before that owner has
/// served it may a later command overtake the one that it gives back.
struct HeldCommands<Command> {
  /// Bounds and waits.
  struct Settings {
    /// Commands of all shards that may wait.
    var maximumHeld = 10_000
    /// Between two tries. The first wait after a change is the shortest, and each doubles.
    var firstDelay: UInt64 = 5_000_000
    var maximumDelay: UInt64 = 25_000_000
    /// How long a refusal of the first command is waited for.
    var patience: UInt64 = 25_000_000
  }

  /// A command in line.
  struct Entry {
    let command: Command
    /// When the command came to the router: its place in line.
    let arrival: UInt64
    /// It is not held for longer.
    let until: UInt64

    init(_ command: Command, arrival: UInt64, until: UInt64) {
      self.command = command
      self.arrival = arrival
      self.until = until
    }
  }

  enum Action {
    /// Try this one; answered with ``HeldCommands/probeRefused(_:of:because:ownerChanged:now:into:)`` or
    /// ``HeldCommands/probeTaken(_:of:now:into:)``.
    case probe(Entry)
    /// Send these, in order, each from where it came; then call ``HeldCommands/released(_:of:now:into:)`` with
    /// their number.
    case release([Entry])
    case fail(Command, CommandError)
    /// Call ``HeldCommands/woke(_:now:into:)`` then.
    case wake(at: UInt64)
  }

  fileprivate enum Phase: Sendable {
    case waiting(until: UInt64)
    /// The one that came at `arrival` is tried; it is not in line meanwhile.
    case probing(arrival: UInt64, until: UInt64)
    /// So many are being sent.
    case releasing(left: Int, wasRefused: Bool)
  }

  fileprivate struct Line {
    var entries: Deque<Entry> = []
    var phase: Phase
    var delay: UInt64
    /// Why the last try failed.
    var reason: CommandError

    /// Most come last. Of two that came at once the first stays so.
    mutating func insert(_ entry: Entry) {
      var index = entries.endIndex
      while index > entries.startIndex, entries[index - 1].arrival > entry.arrival { index -= 1 }
      entries.insert(entry, at: index)
    }
  }

  private let settings: Settings
  private var lines: [UInt32: Line] = [:]
  /// Commands in lines and those that are tried.
  private(set) var count = 0

  init(_ settings: Settings = Settings()) { self.settings = settings }

  /// Whether no shard has a line.
  var isEmpty: Bool { lines.isEmpty }

  /// A command has come. Answers whether it was taken in hand: it stands in line, or has failed because there is
  /// no room. Otherwise nobody waits for the shard's owner.
  mutating func join(_ entry: Entry, shard: UInt32, into actions: inout [Action]) -> Bool {
    guard let reason = lines[shard]?.reason else { return false }
    if hasRoom {
      count += 1
      lines[shard]?.insert(entry)
    } else {
      actions.append(.fail(entry.command, reason))
    }
    return true
  }

  /// The shard's owner has not taken a command, or there is none.
  ///
  /// - Parameter ownerChanged: whether the shard has another owner since the command was sent.
  mutating func refused(
    _ entry: Entry, of shard: UInt32, because reason: CommandError, ownerChanged: Bool,
    now: UInt64, into actions: inout [Action]
  ) {
    guard hasRoom, mayWait(entry, now: now) else {
      actions.append(.fail(entry.command, reason))
      return
    }
    count += 1
    if lines[shard] == nil {
      var line = Line(phase: .waiting(until: .max), delay: settings.firstDelay, reason: reason)
      line.insert(entry)
      lines[shard] = line
      wait(shard, now: now, into: &actions)
    } else {
      lines[shard]?.insert(entry)
      lines[shard]?.reason = reason
      if case .releasing(let left, _) = lines[shard]?.phase {
        lines[shard]?.phase = .releasing(left: left, wasRefused: true)
      }
    }
    if ownerChanged { changed(shard, now: now, into: &actions) }
  }

  /// The command that was tried was not taken.
  mutating func probeRefused(
    _ entry: Entry, of shard: UInt32, because reason: CommandError, ownerChanged: Bool,
    now: UInt64, into actions: inout [Action]
  ) {
    guard isProbe(entry, of: shard) else {
      // The refusal came too late: the others have been sent meanwhile.
      refused(
        entry, of: shard, because: reason, ownerChanged: ownerChanged, now: now, into: &actions)
      return
    }
    lines[shard]?.reason = reason
    if mayWait(entry, now: now) {
      lines[shard]?.insert(entry)
    } else {
      count -= 1
      actions.append(.fail(entry.command, reason))
    }
    if ownerChanged { lines[shard]?.delay = settings.firstDelay }
    if ownerChanged, !(lines[shard]?.entries.isEmpty ?? true) {
      probe(shard, now: now, into: &actions)
    } else {
      wait(shard, now: now, into: &actions)
    }
  }

  /// The command that was tried has an answer of its entity.
  mutating func probeTaken(
    _ entry: Entry, of shard: UInt32, now: UInt64, into actions: inout [Action]
  ) {
    guard isProbe(entry, of: shard) else { return }
    count -= 1
    release(shard, into: &actions)
  }

  /// So many of those that were released have been sent.
  mutating func released(
    _ number: Int, of shard: UInt32, now: UInt64, into actions: inout [Action]
  ) {
    guard case .releasing(let left, let wasRefused) = lines[shard]?.phase else { return }
    if left > number {
      lines[shard]?.phase = .releasing(left: left - number, wasRefused: wasRefused)
    } else if wasRefused {
      wait(shard, now: now, into: &actions)
    } else {
      release(shard, into: &actions)
    }
  }

  /// The shard has another owner, or its owner serves it now.
  mutating func changed(_ shard: UInt32, now: UInt64, into actions: inout [Action]) {
    lines[shard]?.delay = settings.firstDelay
    guard case .waiting = lines[shard]?.phase else { return }
    probe(shard, now: now, into: &actions)
  }

  /// Time has passed.
  mutating func woke(_ shard: UInt32, now: UInt64, into actions: inout [Action]) {
    switch lines[shard]?.phase {
    case .waiting(let until) where now >= until:
      failOverdue(shard, now: now, into: &actions)
      if lines[shard]?.entries.isEmpty ?? true {
        lines[shard] = nil
      } else {
        probe(shard, now: now, into: &actions)
      }
    case .probing(_, let until) where now >= until:
      count -= 1
      release(shard, into: &actions)
    case .waiting, .probing, .releasing, nil:
      break
    }
  }

  // MARK: Steps

  private var hasRoom: Bool { count < settings.maximumHeld }

  /// Whether there is time for another try, while whoever sent the command still listens: it learns why, not
  /// just that its time is over.
  private func mayWait(_ entry: Entry, now: UInt64) -> Bool {
    now + settings.firstDelay < entry.until
  }

  private func isProbe(_ entry: Entry, of shard: UInt32) -> Bool {
    guard case .probing(entry.arrival, _) = lines[shard]?.phase else { return false }
    return true
  }

  private mutating func wait(_ shard: UInt32, now: UInt64, into actions: inout [Action]) {
    guard let line = lines[shard] else { return }
    guard !line.entries.isEmpty else {
      lines[shard] = nil
      return
    }
    let due = now + line.delay
    lines[shard]?.phase = .waiting(until: due)
    lines[shard]?.delay = min(2 * line.delay, settings.maximumDelay)
    actions.append(.wake(at: due))
  }

  private mutating func probe(_ shard: UInt32, now: UInt64, into actions: inout [Action]) {
    guard let first = lines[shard]?.entries.popFirst() else { return }
    let due = now + settings.patience
    lines[shard]?.phase = .probing(arrival: first.arrival, until: due)
    actions.append(.wake(at: due))
    actions.append(.probe(first))
  }

  /// The shard keeps its line until these have been sent: a command that comes meanwhile would overtake them.
  private mutating func release(_ shard: UInt32, into actions: inout [Action]) {
    guard let entries = lines[shard]?.entries, !entries.isEmpty else {
      lines[shard] = nil
      return
    }
    count -= entries.count
    lines[shard]?.entries.removeAll()
    lines[shard]?.phase = .releasing(left: entries.count, wasRefused: false)
    actions.append(.release(Array(entries)))
  }

  private mutating func failOverdue(
    _ shard: UInt32, now: UInt64, into actions: inout [Action]
  ) {
    guard let line = lines[shard] else { return }
    let overdue = line.entries.filter { !mayWait($0, now: now) }
    guard !overdue.isEmpty else { return }
    count -= overdue.count
    let others = line.entries.filter { mayWait($0, now: now) }
    lines[shard]?.entries = others
    for entry in overdue { actions.append(.fail(entry.command, line.reason)) }
  }
}

extension HeldCommands: Sendable where Command: Sendable {}
extension HeldCommands.Line: Sendable where Command: Sendable {}
extension HeldCommands.Entry: Sendable where Command: Sendable {}
extension HeldCommands.Action: Sendable where Command: Sendable {}
