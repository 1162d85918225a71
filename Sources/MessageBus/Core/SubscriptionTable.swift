import CloudstateModel

/// Who on this node wants which publications, and what each has got so far. A pure value; `Handler` is a
/// function in the buses and a name in tests.
struct SubscriptionTable<Handler> {
  /// One call to make.
  struct Delivery {
    let handler: Handler
    /// What the subscriber sees as ``Publication/sequence``.
    let sequence: UInt64
  }

  private struct Record {
    let pattern: SubjectPattern
    let queueGroup: String?
    let handler: Handler
    /// The last sequence handed out, by source.
    var delivered: [NodeID: UInt64] = [:]
    /// When this member of a queue group was last chosen, in turns.
    var lastTurn: UInt64 = 0
  }

  private var records: [UInt64: Record] = [:]
  private var tree = SubjectTree<UInt64>()
  private var prefixes: [[UInt8]: Int] = [:]
  private var trackers: [NodeID: PublicationTracker] = [:]
  private var turn: UInt64 = 0

  /// The topic prefixes to ask peers for.
  var topicPrefixes: [[UInt8]] { Array(prefixes.keys) }

  /// Adds a subscription under an id not in use. Answers the topic prefix if it is now wanted for the
  /// first time.
  mutating func add(
    _ id: UInt64, pattern: SubjectPattern, queueGroup: String?, handler: Handler
  ) -> [UInt8]? {
    records[id] = Record(pattern: pattern, queueGroup: queueGroup, handler: handler)
    tree.insert(id, for: pattern)
    let prefix = pattern.topicPrefix
    prefixes[prefix, default: 0] += 1
    return prefixes[prefix] == 1 ? prefix : nil
  }

  /// Ends a subscription. Answers the topic prefix if nobody wants it any more.
  mutating func remove(_ id: UInt64) -> [UInt8]? {
    guard let record = records.removeValue(forKey: id) else { return nil }
    tree.remove(for: record.pattern) { $0 == id }
    let prefix = record.pattern.topicPrefix
    guard let users = prefixes[prefix], users > 1 else {
      prefixes[prefix] = nil
      return prefix
    }
    prefixes[prefix] = users - 1
    return nil
  }

  /// Takes in a publication and answers who gets it, in the order of subscribing: every matching
  /// subscription without a queue group, and of each group the matching member that waited longest.
  mutating func receive(
    _ subject: Subject, in publicationClass: PublicationClass, from source: NodeID,
    number: PublicationNumber
  ) -> [Delivery] {
    switch trackers[source, default: PublicationTracker()].receive(number, in: publicationClass) {
    case .inOrder: break
    case .classGap: noteLoss(from: source) { $0.overlaps(publicationClass) }
    case .restarted: noteLoss(from: source)
    }
    return recipients(of: subject).compactMap { id in
      guard let index = records.index(forKey: id) else { return nil }
      let sequence = records.values[index].delivered[source, default: 0] + 1
      records.values[index].delivered[source] = sequence
      return Delivery(handler: records.values[index].handler, sequence: sequence)
    }
  }

  /// Makes the next sequence from `source` jump for every subscription that has seen something of it.
  mutating func noteLoss(from source: NodeID) {
    noteLoss(from: source) { _ in true }
  }

  private mutating func noteLoss(from source: NodeID, where isAffected: (SubjectPattern) -> Bool) {
    for id in Array(records.keys) {
      guard let record = records[id], let delivered = record.delivered[source],
        isAffected(record.pattern)
      else { continue }
      records[id]?.delivered[source] = delivered + 1
    }
  }

  private mutating func recipients(of subject: Subject) -> [UInt64] {
    var chosen: [UInt64] = []
    var groups: [String: UInt64] = [:]
    tree.forEachMatch(of: subject) { id in
      guard let record = records[id] else { return }
      guard let group = record.queueGroup else { return chosen.append(id) }
      guard let rival = groups[group].flatMap({ other in records[other].map { (other, $0) } })
      else {
        groups[group] = id
        return
      }
      if (record.lastTurn, id) < (rival.1.lastTurn, rival.0) { groups[group] = id }
    }
    for id in groups.values.sorted() {
      turn += 1
      records[id]?.lastTurn = turn
      chosen.append(id)
    }
    return chosen.sorted()
  }
}
