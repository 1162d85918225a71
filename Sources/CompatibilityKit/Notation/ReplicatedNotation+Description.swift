import CloudstateProtocol
import SwiftProtobuf
import TCKProtocol

/// A value as the notation writes it.
func describe(_ state: ReplicatedState) -> String {
  switch state.value {
  case .gcounter(let counter): return "gc(\(counter.value))"
  case .pncounter(let counter): return "pn(\(counter.value))"
  case .gset(let set): return "gs(\(set.elements.map(written).joined(separator: ",")))"
  case .orset(let set): return "os(\(set.elements.map(written).joined(separator: ",")))"
  case .lwwregister(let register): return "lw(\(written(register.value)))"
  case .flag(let flag): return "fl(\(flag.value))"
  case .ormap(let map):
    let entries = map.entries.map { "\(shortKey($0.key)): \(describe($0.value))" }
    return "om{\(entries.joined(separator: ", "))}"
  case .vote(let vote): return "vt(\(vote.selfVote),\(vote.votesFor),\(vote.totalVoters))"
  case nil: return "an empty state"
  }
}

/// A change as the notation writes it.
func describe(_ change: ReplicatedChange) -> String {
  switch change.delta {
  case .gcounter(let counter): return "gc(\(counter.increment))"
  case .pncounter(let counter): return "pn(\(counter.change))"
  case .gset(let set): return "gs(\(elements(set.added)))"
  case .orset(let set):
    var parts = set.cleared ? ["clear"] : []
    if !set.removed.isEmpty { parts.append("rem \(elements(set.removed))") }
    if !set.added.isEmpty { parts.append("add \(elements(set.added))") }
    return "os-(\(parts.joined(separator: "; ")))"
  case .lwwregister(let register):
    let value = element(register.value)
    if register.clock == .default && register.customClockValue == 0 { return "lw(\(value))" }
    return "lw(\(value), \(name(of: register.clock)), \(register.customClockValue))"
  case .flag(let flag): return "fl(\(flag.value))"
  case .ormap(let map):
    var parts = map.cleared ? ["clear"] : []
    if !map.removed.isEmpty {
      parts.append("rem \(map.removed.map(key).joined(separator: ", "))")
    }
    if !map.updated.isEmpty { parts.append("upd \(entries(map.updated))") }
    if !map.added.isEmpty { parts.append("add \(entries(map.added))") }
    return "om-(\(parts.joined(separator: "; ")))"
  case .vote(let vote):
    if vote.votesFor == 0 && vote.totalVoters == 0 { return "vd(\(vote.selfVote))" }
    return "vt(\(vote.selfVote),\(vote.votesFor),\(vote.totalVoters))"
  case nil: return "an empty change"
  }
}

private func entries(_ entries: [Cloudstate_Crdt_ORMapEntryDelta]) -> String {
  entries.map { "\(key($0.key)): \(describe($0.delta))" }.joined(separator: ", ")
}

private func elements(_ elements: [Google_Protobuf_Any]) -> String {
  elements.map(element).joined(separator: ",")
}

private func element(_ any: Google_Protobuf_Any) -> String {
  text(of: any).map(written) ?? "<\(any.typeURL), \(any.value.count) bytes>"
}

private func key(_ any: Google_Protobuf_Any) -> String {
  text(of: any).map(shortKey) ?? element(any)
}

private func shortKey(_ key: String) -> String {
  mapKeys.first { $0.value == key }?.key ?? key
}

/// Quotes only where the notation needs them.
private func written(_ text: String) -> String {
  let isName = !text.isEmpty && text.allSatisfy { $0.isLetter || $0.isNumber }
  return isName ? text : "\"\(text)\""
}

private func name(of clock: Cloudstate_Crdt_CrdtClock) -> String {
  switch clock {
  case .default: "DEFAULT"
  case .reverse: "REVERSE"
  case .custom: "CUSTOM"
  case .customAutoIncrement: "CUSTOM_AUTO_INCREMENT"
  case .UNRECOGNIZED(let number): "clock \(number)"
  }
}

extension ReplicatedChange {
  /// The same with elements and entries in order (section 1.5): the protocol gives them none.
  var sorted: ReplicatedChange {
    var change = self
    switch delta {
    case .gset(var set):
      set.added.sort(by: precedes)
      change.gset = set
    case .orset(var set):
      set.removed.sort(by: precedes)
      set.added.sort(by: precedes)
      change.orset = set
    case .ormap(var map):
      map.removed.sort(by: precedes)
      map.updated = sortedEntries(map.updated)
      map.added = sortedEntries(map.added)
      change.ormap = map
    case .gcounter, .pncounter, .lwwregister, .flag, .vote, nil: break
    }
    return change
  }
}

private func sortedEntries(
  _ entries: [Cloudstate_Crdt_ORMapEntryDelta]
) -> [Cloudstate_Crdt_ORMapEntryDelta] {
  entries
    .map { entry in
      var entry = entry
      entry.delta = entry.delta.sorted
      return entry
    }
    .sorted { precedes($0.key, $1.key) }
}

private func precedes(_ first: Google_Protobuf_Any, _ second: Google_Protobuf_Any) -> Bool {
  (text(of: first) ?? "") < (text(of: second) ?? "")
}
