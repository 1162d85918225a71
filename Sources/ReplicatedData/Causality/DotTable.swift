/// What a single change left behind.
protocol DotValue: Hashable, Sendable {
  /// The newer of two versions of the trace of one change, whichever is which.
  func joined(with other: Self) -> Self

  func encode(into writer: inout ByteWriter, dot: Dot)
  init(from reader: inout ByteReader, dot: Dot) throws(ReplicatedDataFormatError)
}

/// Traces by dot, in order. Tables are short: a few entries for each replica that changes the value.
struct DotTable<Value: DotValue>: Hashable, Sendable {
  struct Entry: Hashable, Sendable {
    let dot: Dot
    var value: Value
  }

  private(set) var entries: [Entry] = []

  var isEmpty: Bool { entries.isEmpty }

  subscript(dot: Dot) -> Value? {
    get {
      let index = index(of: dot)
      return holds(dot, at: index) ? entries[index].value : nil
    }
    set {
      let index = index(of: dot)
      switch (holds(dot, at: index), newValue) {
      case (true, let value?): entries[index].value = value
      case (true, nil): entries.remove(at: index)
      case (false, let value?): entries.insert(Entry(dot: dot, value: value), at: index)
      case (false, nil): break
      }
    }
  }

  func forEachDot(_ body: (Dot) -> Void) {
    for entry in entries { body(entry.dot) }
  }

  @discardableResult
  mutating func drop(_ dots: CausalContext) -> Int {
    let count = entries.count
    entries.removeAll { dots.contains($0.dot) }
    return count - entries.count
  }

  mutating func take(_ other: Self, known: CausalContext) {
    for entry in other.entries {
      let index = index(of: entry.dot)
      if holds(entry.dot, at: index) {
        entries[index].value = entries[index].value.joined(with: entry.value)
      } else if !known.contains(entry.dot) {
        entries.insert(entry, at: index)
      }
    }
  }

  /// Where the dot is or would have to be.
  private func index(of dot: Dot) -> Int {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].dot < dot { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func holds(_ dot: Dot, at index: Int) -> Bool {
    index < entries.count && entries[index].dot == dot
  }
}

/// The trace of a change of which only matters that it happened.
struct Presence: DotValue {
  func joined(with other: Presence) -> Presence { self }
}

typealias DotSet = DotTable<Presence>

extension DotSet {
  /// Lets a fresh dot stand for all before it.
  mutating func renew(_ mutation: inout Mutation) {
    for entry in entries { mutation.drop(entry.dot) }
    self = DotSet()
    self[mutation.mint()] = Presence()
  }
}
