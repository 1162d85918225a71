/// A map from keys to values of any type, maps included. Values under one key merge.
///
/// Removing a key undoes the changes to its value that the remover has seen. A change that it has not seen
/// keeps the key, with that change alone (for counters within the bound of
/// ``CounterShares/maximumNestedShares``). A key that is added again starts empty: its old value cannot come
/// back, for the map's context knows those changes as undone.
struct ORMap: CausalStore {
  static let kind = ReplicatedKind.ormap

  private(set) var entries: [DataElement: MapEntry] = [:]

  var isEmpty: Bool { entries.isEmpty }

  func forEachDot(_ body: (Dot) -> Void) {
    for entry in entries.values { entry.forEachDot(body) }
  }

  mutating func drop(_ dots: CausalContext) -> Int {
    var count = 0
    var emptied: [DataElement] = []
    var index = entries.startIndex
    while index != entries.endIndex {
      count += entries.values[index].drop(dots)
      if entries.values[index].isEmpty { emptied.append(entries.keys[index]) }
      entries.formIndex(after: &index)
    }
    for key in emptied { entries[key] = nil }
    return count
  }

  mutating func drop(_ dots: CausalContext, under part: ORMap) -> Int {
    var count = 0
    for key in part.entries.keys {
      count += entries[key]?.drop(dots) ?? 0
      if entries[key]?.isEmpty == true { entries[key] = nil }
    }
    return count
  }

  mutating func take(_ other: ORMap, known: CausalContext) {
    for (key, entry) in other.entries {
      entries[key, default: MapEntry()].take(entry, known: known)
      if entries[key]?.isEmpty == true { entries[key] = nil }
    }
  }

  mutating func apply(_ delta: FunctionDelta, _ mutation: inout Mutation) -> Self {
    var fragment = Self()
    guard case .ormap(let map) = delta else { return fragment }
    if map.cleared { reset(&mutation) }
    for key in map.removed { remove(key, &mutation) }
    // An entry that is gone or of another type was removed or replaced elsewhere; the function does not
    // know that yet.
    for update in map.updated where entries[update.key]?.visibleKind == update.delta.kind {
      applyEntry(update, &mutation, into: &fragment)
    }
    for addition in map.added {
      remove(addition.key, &mutation)
      applyEntry(addition, &mutation, into: &fragment)
    }
    return fragment
  }

  func functionValue(in electorate: Electorate) -> FunctionValue {
    .ormap(entries.compactMapValues { $0.visibleContent?.functionValue(in: electorate) })
  }

  static func unwrap(_ content: ReplicatedContent) -> Self? {
    if case .ormap(let store) = content { store } else { nil }
  }

  var wrapped: ReplicatedContent { .ormap(self) }

  func encode(into writer: inout ByteWriter) {
    writer.append(number: UInt64(entries.count))
    for (key, entry) in entries.sorted(by: { $0.key < $1.key }) {
      writer.append(key)
      entry.encode(into: &writer)
    }
  }

  init() {}

  init(from reader: inout ByteReader) throws(ReplicatedDataFormatError) {
    var previous: DataElement?
    for _ in 0..<(try reader.count()) {
      let key = try reader.element(after: previous)
      entries[key] = try MapEntry(from: &reader)
      previous = key
    }
  }

  private mutating func remove(_ key: DataElement, _ mutation: inout Mutation) {
    entries[key]?.reset(&mutation)
    if entries[key]?.isEmpty == true { entries[key] = nil }
  }

  private mutating func applyEntry(
    _ change: MapEntryDelta, _ mutation: inout Mutation, into fragment: inout ORMap
  ) {
    let part = entries[change.key, default: MapEntry()].apply(change.delta, &mutation)
    fragment.entries[change.key, default: MapEntry()].take(part, known: CausalContext())
  }
}
