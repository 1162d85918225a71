import ReplicatedData
import Testing

/// Replicas `a`, `b`, `c` and so on, in order.
func replicas(_ count: Int) throws -> [ReplicaID] {
  try (0..<count).map { index in
    try #require(ReplicaID(String(UnicodeScalar(UInt8(ascii: "a") + UInt8(index)))))
  }
}

func element(_ text: String) -> DataElement { DataElement(typeURL: "t", value: Array(text.utf8)) }

func elements(_ texts: String...) -> Set<DataElement> { Set(texts.map(element)) }

func nested(_ key: String, _ delta: FunctionDelta) -> MapEntryDelta {
  MapEntryDelta(key: element(key), delta: delta)
}

/// A copy of a value at one replica, with the shorthand that tests need.
struct Copy {
  let replica: ReplicaID
  var value: ReplicatedValue
  var now: Int64 = 1000

  init(_ kind: ReplicatedKind, at replica: ReplicaID) {
    self.replica = replica
    self.value = ReplicatedValue(kind)
  }

  @discardableResult
  mutating func apply(
    _ delta: FunctionDelta, seen: CausalContext? = nil
  ) throws -> ReplicatedValue {
    try value.apply(delta, replica: replica, now: now, seen: seen)
  }

  mutating func merge(_ other: Copy) { value.merge(other.value) }

  /// The plain value where all given replicas are members, or else only this one.
  func plain(members: [ReplicaID] = []) -> FunctionValue {
    let members = members.isEmpty ? [replica] : Set(members)
    return value.functionValue(in: Electorate(replica: replica, members: members))
  }
}

func copies(_ kind: ReplicatedKind, _ count: Int) throws -> [Copy] {
  try replicas(count).map { Copy(kind, at: $0) }
}

/// Lets every copy take in all others.
func exchange(_ copies: inout [Copy]) {
  let states = copies.map(\.value)
  for index in copies.indices {
    for state in states { copies[index].value.merge(state) }
  }
}
