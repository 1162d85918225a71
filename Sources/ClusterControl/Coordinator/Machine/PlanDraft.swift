import CloudstateModel

/// The next plan while it is being decided: changes of assignments and moves, found at one time, with the
/// reasons of all of them. Whatever is changed of an assignment in one draft, its epoch rises once.
struct PlanDraft {
  /// More reasons than this are only counted.
  static let maximumReasons = 24

  private let number: UInt64
  /// In shard order.
  private(set) var shards: [ShardAssignment]
  private(set) var moves: [ShardMove]
  private(set) var isChanged = false
  private var raised: Set<ShardID> = []
  private var notes: [String] = []
  private var noted: [String: [ShardID]] = [:]
  /// Shards that each node is primary of; counted when first asked for.
  private var primaries: [NodeID: Int]?

  /// - Parameter plan: its shards must be in order.
  init(_ plan: Plan) {
    number = plan.number
    shards = plan.shards
    moves = plan.moves
  }

  subscript(shard: ShardID) -> ShardAssignment? { place(of: shard).map { shards[$0] } }

  func move(of shard: ShardID) -> ShardMove? { moves.first { $0.shard == shard } }

  /// How many shards the node is primary of.
  mutating func primaryCount(of node: NodeID) -> Int {
    if primaries == nil {
      primaries = shards.reduce(into: [:]) { $0[$1.primary, default: 0] += 1 }
    }
    return primaries?[node] ?? 0
  }

  // MARK: Changes

  /// Changes an assignment and raises its epoch, unless this draft has raised it already.
  ///
  /// - Parameter note: a phrase that goes on with the shard or the number of shards, such as
  ///   "b is in-sync for".
  mutating func assign(
    _ shard: ShardID, _ note: String, change: (inout ShardAssignment) -> Void
  ) {
    guard let place = place(of: shard) else { return }
    let before = shards[place].primary
    change(&shards[place])
    if raised.insert(shard).inserted { shards[place].epoch = shards[place].epoch.next }
    if before != shards[place].primary, primaries != nil {
      primaries?[before, default: 1] -= 1
      primaries?[shards[place].primary, default: 0] += 1
    }
    add(note, shard)
  }

  /// Raises an assignment's epoch above `epoch`.
  mutating func raise(_ shard: ShardID, above epoch: Epoch, _ note: String) {
    guard let place = place(of: shard), shards[place].epoch <= epoch else { return }
    shards[place].epoch = epoch.next
    raised.insert(shard)
    add(note, shard)
  }

  mutating func begin(_ move: ShardMove, _ note: String) {
    moves.append(move)
    add(note, move.shard)
  }

  mutating func setPhase(_ phase: ShardMove.Phase, of shard: ShardID, _ note: String) {
    guard let place = moves.firstIndex(where: { $0.shard == shard }) else { return }
    moves[place].phase = phase
    add(note, shard)
  }

  mutating func end(moveOf shard: ShardID, _ note: String) {
    moves.removeAll { $0.shard == shard }
    add(note, shard)
  }

  // MARK: The result

  func plan(createdAt: Timestamp) -> Plan {
    Plan(number: number + 1, reason: reason, createdAt: createdAt, shards: shards, moves: moves)
  }

  private var reason: String {
    var phrases = notes.prefix(Self.maximumReasons).map { note in
      let shards = noted[note] ?? []
      let what = shards.count == 1 ? "shard \(shards[0])" : "\(shards.count) shards"
      return "\(note) \(what)"
    }
    let rest = notes.count - phrases.count
    if rest > 0 { phrases.append("and \(rest) changes of other kinds") }
    return phrases.joined(separator: "; ") + "."
  }

  private mutating func add(_ note: String, _ shard: ShardID) {
    isChanged = true
    if noted[note] == nil { notes.append(note) }
    noted[note, default: []].append(shard)
  }

  /// Where the shard is in `shards`, by binary search.
  private func place(of shard: ShardID) -> Int? {
    var low = 0
    var high = shards.count
    while low < high {
      let middle = (low + high) / 2
      if shards[middle].shard < shard { low = middle + 1 } else { high = middle }
    }
    return low < shards.count && shards[low].shard == shard ? low : nil
  }
}
