import CommandLineKit

/// The nodes whose drains `cs-up` has to take back, if it ends before it has done so or has stopped them.
///
/// A drain outlives restarts of coordinator and node, and what is under way is forgotten when `cs-up` ends. So the names
/// are in a file of the data folder before a drain is asked for, and the next start undrains those nodes. Nodes that
/// somebody else has drained are never in it.
///
/// The file has one name in each line, sorted; without names there is no file. It is replaced whole and synced. Only the
/// `cs-up` that holds the folder's lock touches it.
struct DrainNotes: Hashable, Sendable {
  private(set) var names: Set<String>

  init(names: Set<String> = []) { self.names = names }

  /// Reads the file's text. Any text is one: what is no name of a node is left out by ``owed(among:)``.
  init(text: String) { names = Set(text.split(whereSeparator: \.isNewline).map(String.init)) }

  var text: String { names.sorted().map { "\($0)\n" }.joined() }

  /// The nodes to undrain at a start, sorted.
  ///
  /// - Parameter nodes: those that are started. Others have gone, and whoever comes under such a name is undrained then.
  func owed(among nodes: some Sequence<String>) -> [String] { names.intersection(nodes).sorted() }

  mutating func add(_ nodes: some Sequence<String>) { names.formUnion(nodes) }

  mutating func remove(_ node: String) { names.remove(node) }
}

extension DrainNotes {
  /// - Throws: ``ProgramError`` when there is a file that cannot be read.
  init(in layout: RunLayout) throws(ProgramError) {
    self.init(text: try readFileIfPresent(layout.drainNotes) ?? "")
  }

  /// Returns when it is on stable storage.
  ///
  /// - Throws: ``ProgramError`` when it cannot be written or synced.
  func save(in layout: RunLayout) throws(ProgramError) {
    if names.isEmpty {
      try removeDurably(layout.drainNotes)
    } else {
      try writeDurably(layout.drainNotes, text)
    }
  }
}
