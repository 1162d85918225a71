import CommandLineKit
import Glibc

/// The relays between the members of a bus whose topology says `chaos: true`, see ``BusPlan/links(key:)``.
///
/// Nothing of this needs a right beyond those of the user: the members run in folders of their own, and
/// the sockets they find there under the names of others are ours.
final class LinkRelay: PolledPart {
  /// Connections on one way to one socket. One more ends the oldest: a member that is cut off opens a
  /// new one now and then, and the old ones are held until it heals.
  static let maximumConnections = 32

  private struct Listener {
    let descriptor: Int32
    let source: String
    let target: String
    let socketName: String
  }

  private let layout: RunLayout
  private var listeners: [Listener] = []
  private var connections: [RelayedConnection] = []
  private(set) var members: [String] = []
  private(set) var cuts = Cuts()
  /// What the entries of the last `poll` belong to.
  private var polledListeners: [Listener] = []
  private var polled: [(connection: RelayedConnection, entries: Int)] = []

  init(layout: RunLayout) { self.layout = layout }

  deinit { for listener in listeners { close(listener.descriptor) } }

  /// Makes the folder of a member and the relays from it to all others and back.
  ///
  /// - Throws: ``ProgramError`` when a folder or a socket cannot be made.
  func add(_ member: String) throws(ProgramError) {
    guard !members.contains(member) else { return }
    try makeFolders(layout.links(member))
    for other in members {
      try listen(from: member, to: other)
      try listen(from: other, to: member)
    }
    members.append(member)
  }

  /// Ends the relays of a member that is gone.
  func remove(_ member: String) {
    members.removeAll { $0 == member }
    connections.removeAll { $0.source == member || $0.target == member }
    listeners.removeAll { listener in
      guard listener.source == member || listener.target == member else { return false }
      close(listener.descriptor)
      return true
    }
    cuts.heal(member, peers: nil, members: members)
    removeTree(layout.links(member))
  }

  func cut(_ member: String, _ direction: ControlRequest.Direction, peers: [String]?) {
    cuts.cut(member, direction, peers: peers)
  }

  /// Takes cuts back: of one member, or all of them.
  ///
  /// - Parameter drops: whether connections that were held end, so that what was on its way is lost; else
  ///   it arrives now.
  func heal(_ member: String?, peers: [String]?, drops: Bool) {
    let before = cuts
    if let member {
      cuts.heal(member, peers: peers, members: members)
    } else {
      cuts.healAll()
    }
    if drops {
      connections.removeAll { connection in
        let ways = [(connection.source, connection.target), (connection.target, connection.source)]
        return ways.contains {
          before.holds(from: $0.0, to: $0.1) && !cuts.holds(from: $0.0, to: $0.1)
        }
      }
    }
    connections.removeAll { !$0.connect(cuts) }
  }

  var deadline: Duration? { nil }

  func pollEntries() -> [pollfd] {
    var entries = listeners.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
    polledListeners = listeners
    polled.removeAll(keepingCapacity: true)
    for connection in connections {
      let own = connection.pollEntries(cuts)
      polled.append((connection, own.count))
      entries += own
    }
    return entries
  }

  func react(to entries: ArraySlice<pollfd>, at now: Duration) {
    var next = entries.startIndex + polledListeners.count
    var ended: Set<ObjectIdentifier> = []
    for (connection, count) in polled {
      let isDue = entries[next..<next + count].contains(where: \.isDue)
      next += count
      if isDue, !connection.move(cuts) { ended.insert(ObjectIdentifier(connection)) }
    }
    polled.removeAll(keepingCapacity: true)
    if !ended.isEmpty { connections.removeAll { ended.contains(ObjectIdentifier($0)) } }
    // A member may have gone since, and its listeners with it.
    for (entry, listener) in zip(entries, polledListeners)
    where entry.isDue && members.contains(listener.source) && members.contains(listener.target) {
      accept(listener)
    }
  }

  private func accept(_ listener: Listener) {
    guard let client = LocalSocket.accept(listener.descriptor) else { return }
    let connection = RelayedConnection(
      source: listener.source, target: listener.target, client: client,
      folder: layout.links(listener.target), socketName: listener.socketName)
    let same = connections.filter { $0.destination == connection.destination }
    if same.count >= Self.maximumConnections, let oldest = same.first {
      connections.removeAll { $0 === oldest }
    }
    if connection.connect(cuts) { connections.append(connection) }
  }

  private func listen(from source: String, to target: String) throws(ProgramError) {
    for name in BusPlan.socketNames(of: target) {
      let descriptor = try LocalSocket.listen(
        folder: layout.links(source), name: name, mode: 0o600)
      listeners.append(
        Listener(descriptor: descriptor, source: source, target: target, socketName: name))
    }
  }
}
