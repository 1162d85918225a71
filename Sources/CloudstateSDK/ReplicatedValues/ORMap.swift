import CloudstateProtocol
import SwiftProtobuf

/// A map whose values are replicated too: changes of one value by several nodes are merged. If one node
/// changes an entry while another removes it, what the first has changed stays or comes back.
///
/// ```swift
/// var scores = ORMap<String, PNCounter>()
/// scores.update("ada") { $0.increment(by: 2) }
/// ```
public struct ORMap<Key: ReplicatedElement, Value: ReplicatedValue>: StartsEmpty {
  private var entries: [Key: Value] = [:]

  // Between two replies. Invariant: `added` and `updated` are keys of `entries`, and no key is in both;
  // keys in `removed` are not in `entries`, or else in `added`; after a clear, `added` is all keys, and
  // `updated` and `removed` are empty. The values in `removed` and `cleared` are settled.
  private var added: Set<Key> = []
  private var updated: Set<Key> = []
  private var removed: [Key: Value] = [:]
  /// The entries before the map was cleared; `nil` if it was not.
  private var cleared: [Key: Value]?

  /// No entries.
  public init() {}

  /// How many entries there are.
  public var count: Int { entries.count }

  /// Whether there are no entries.
  public var isEmpty: Bool { entries.isEmpty }

  /// The keys, in no order.
  public var keys: some Collection<Key> { entries.keys }

  /// Keys and values, in no order.
  public var pairs: some Collection<(key: Key, value: Value)> { entries }

  /// The value of a key. It is changed by ``update(_:default:_:)``.
  public subscript(key: Key) -> Value? { entries[key] }

  /// Adds an entry, unless there is one with the key; says whether it is new.
  @discardableResult
  public mutating func add(_ key: Key, _ value: @autoclosure () -> Value) -> Bool {
    guard entries[key] == nil else { return false }
    entries[key] = value()
    added.insert(key)
    return true
  }

  /// Changes a value in place. If there is no entry with the key, one is added, with the default.
  public mutating func update<Result>(
    _ key: Key, default value: @autoclosure () -> Value,
    _ change: (inout Value) throws -> Result
  ) rethrows -> Result {
    if !add(key, value()), !added.contains(key) { updated.insert(key) }
    return try change(&entries[key, default: value()])
  }

  /// Removes an entry; says whether it was there.
  @discardableResult
  public mutating func remove(_ key: Key) -> Bool {
    guard var value = entries.removeValue(forKey: key) else { return false }
    if added.remove(key) == nil {
      value.rollBack()
      removed[key] = value
      updated.remove(key)
    }
    return true
  }

  /// Removes all entries that this node knows of.
  public mutating func removeAll() {
    guard !entries.isEmpty else { return }
    if cleared == nil {
      undo()
      cleared = entries
    }
    entries = [:]
    added = []
  }

  /// The difference of the value from an empty one.
  public func whole() throws(PayloadError) -> ReplicatedDelta {
    var change = Cloudstate_Crdt_ORMapDelta()
    for (key, value) in entries { change.added.append(try entry(key, value.whole())) }
    change.added.sortByKey()
    return ReplicatedDelta(.ormap(change))
  }

  /// What changed since the value was last settled.
  public func change() throws(PayloadError) -> ReplicatedDelta? {
    var change = Cloudstate_Crdt_ORMapDelta()
    change.cleared = cleared != nil
    change.removed = try removed.keys.encoded()
    for key in added {
      if let value = entries[key] { change.added.append(try entry(key, value.whole())) }
    }
    for key in updated {
      if let delta = try entries[key]?.change() { change.updated.append(try entry(key, delta)) }
    }
    change.added.sortByKey()
    change.updated.sortByKey()
    return change == Cloudstate_Crdt_ORMapDelta() ? nil : ReplicatedDelta(.ormap(change))
  }

  /// Takes a change that was made elsewhere.
  public mutating func apply(_ delta: ReplicatedDelta) throws(PayloadError) {
    guard case .ormap(let change) = delta.message.delta else {
      throw delta.mismatch(with: "an ORMap")
    }
    if change.cleared { entries = [:] }
    for key in change.removed { entries[try key.payload()] = nil }
    for entry in change.updated {
      let key: Key = try entry.key.payload()
      guard entries[key] != nil else {
        throw PayloadError("The entry '\(key)' was changed elsewhere, but is not in the map here.")
      }
      try entries[key]?.apply(ReplicatedDelta(entry.delta))
    }
    for entry in change.added {
      entries[try entry.key.payload()] = try Value(ReplicatedDelta(entry.delta))
    }
  }

  /// What changed is known to the sidecar.
  public mutating func settle() {
    for key in added { entries[key]?.settle() }
    for key in updated { entries[key]?.settle() }
    forget()
  }

  /// Takes back what changed since the value was last settled.
  public mutating func rollBack() {
    if let cleared { entries = cleared } else { undo() }
    forget()
  }

  /// Makes `entries` what they were, if they were not cleared.
  private mutating func undo() {
    for key in added { entries[key] = nil }
    for key in updated { entries[key]?.rollBack() }
    entries.merge(removed) { _, old in old }
    added = []
    updated = []
    removed = [:]
  }

  private mutating func forget() {
    added = []
    updated = []
    removed = [:]
    cleared = nil
  }

  private func entry(
    _ key: Key, _ delta: ReplicatedDelta
  ) throws(PayloadError) -> Cloudstate_Crdt_ORMapEntryDelta {
    var entry = Cloudstate_Crdt_ORMapEntryDelta()
    entry.key = try Google_Protobuf_Any(encoding: key)
    entry.delta = delta.message
    return entry
  }
}

extension ORMap where Value: StartsEmpty {
  /// Adds an entry with an empty value, unless there is one with the key; says whether it is new.
  @discardableResult
  public mutating func add(_ key: Key) -> Bool { add(key, Value()) }

  /// Changes a value in place. If there is no entry with the key, one is added, with an empty value.
  public mutating func update<Result>(
    _ key: Key, _ change: (inout Value) throws -> Result
  ) rethrows -> Result { try update(key, default: Value(), change) }
}

extension [Cloudstate_Crdt_ORMapEntryDelta] {
  fileprivate mutating func sortByKey() {
    sort { $0.key.value.lexicographicallyPrecedes($1.key.value) }
  }
}
