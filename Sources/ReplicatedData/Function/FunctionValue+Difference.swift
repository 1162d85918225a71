/// A value changed in a way that cannot be told to a function: its type changed, or it lost what it cannot
/// lose.
package struct IncompatibleChange: Error, Hashable, Sendable, CustomStringConvertible {
  package let old: ReplicatedKind
  package let new: ReplicatedKind

  package var description: String {
    old == new
      ? "a \(old) went backwards, which its function cannot be told"
      : "the type changed from \(old) to \(new), which the function cannot be told"
  }
}

/// Proxy behaviour, section 9.5. Lists are in the order of their elements, so that equal values give equal
/// deltas.
extension FunctionValue {
  /// The change that leads from the empty value to this one.
  package var initialDelta: FunctionDelta {
    switch self {
    case .gcounter(let value): .gcounter(increment: value)
    case .pncounter(let value): .pncounter(change: value)
    case .gset(let elements): .gset(added: elements.sorted())
    case .orset(let elements): .orset(SetDelta(added: elements.sorted()))
    case .lwwregister(let value): .lwwregister(RegisterDelta(value: value))
    case .flag(let isOn): .flag(isOn)
    case .vote(let tally): .vote(tally)
    case .ormap(let entries):
      .ormap(
        MapDelta(
          added: entries.sorted { $0.key < $1.key }.map {
            MapEntryDelta(key: $0.key, delta: $0.value.initialDelta)
          }))
    }
  }

  /// The change that leads from `old` to this value, or `nil` if there is none.
  package func difference(
    from old: FunctionValue
  ) throws(IncompatibleChange) -> FunctionDelta? {
    switch (old, self) {
    case (.gcounter(let old), .gcounter(let new)) where new >= old:
      return new == old ? nil : .gcounter(increment: new - old)
    case (.pncounter(let old), .pncounter(let new)):
      return new == old ? nil : .pncounter(change: new &- old)
    case (.gset(let old), .gset(let new)) where old.isSubset(of: new):
      return new == old ? nil : .gset(added: new.subtracting(old).sorted())
    case (.orset(let old), .orset(let new)):
      return SetDelta(from: old, to: new).map { .orset($0) }
    case (.lwwregister(let old), .lwwregister(let new)):
      return new == old ? nil : .lwwregister(RegisterDelta(value: new))
    case (.flag(let old), .flag(let new)) where new || !old:
      return new == old ? nil : .flag(new)
    case (.ormap(let old), .ormap(let new)):
      return MapDelta(from: old, to: new).map { .ormap($0) }
    case (.vote(let old), .vote(let new)):
      return new == old ? nil : .vote(new)
    default:
      throw IncompatibleChange(old: old.kind, new: kind)
    }
  }
}

extension SetDelta {
  /// Starts over where that is shorter.
  fileprivate init?(from old: Set<DataElement>, to new: Set<DataElement>) {
    if new == old { return nil }
    if new.isEmpty {
      self.init(cleared: true)
      return
    }
    let removed = old.subtracting(new)
    let added = new.subtracting(old)
    if removed.count + added.count > new.count {
      self.init(cleared: true, added: new.sorted())
    } else {
      self.init(removed: removed.sorted(), added: added.sorted())
    }
  }
}

extension MapDelta {
  /// An entry that changed in a way that cannot be told is removed and added again.
  fileprivate init?(
    from old: [DataElement: FunctionValue], to new: [DataElement: FunctionValue]
  ) {
    self.init()
    if new.isEmpty {
      if old.isEmpty { return nil }
      cleared = true
      return
    }
    removed = old.keys.filter { new[$0] == nil }
    for (key, value) in new.sorted(by: { $0.key < $1.key }) {
      guard let before = old[key] else {
        added.append(MapEntryDelta(key: key, delta: value.initialDelta))
        continue
      }
      do {
        guard let delta = try value.difference(from: before) else { continue }
        updated.append(MapEntryDelta(key: key, delta: delta))
      } catch {
        removed.append(key)
        added.append(MapEntryDelta(key: key, delta: value.initialDelta))
      }
    }
    removed.sort()
    if self == MapDelta() { return nil }
  }
}
