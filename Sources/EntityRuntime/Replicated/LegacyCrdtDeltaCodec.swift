import CloudstateProtocol
import ReplicatedData

/// Between deltas and their form before protocol 0.2, where whole values are states of their own (protocol
/// section 9.4).
enum LegacyCrdtDeltaCodec {
  private typealias State = Cloudstate_Internal_Legacycrdt_LegacyState
  private typealias Parts = CrdtDeltaCodec

  static func message(_ delta: FunctionDelta) -> Cloudstate_Internal_Legacycrdt_LegacyDelta {
    var message = Cloudstate_Internal_Legacycrdt_LegacyDelta()
    switch delta {
    case .gcounter(let increment): message.gcounter.increment = increment
    case .pncounter(let change): message.pncounter.change = change
    case .gset(let added): message.gset.added = added.map(Parts.any)
    case .orset(let change): message.orset = Parts.set(change)
    case .lwwregister(let write): message.lwwregister = Parts.register(write)
    case .flag(let isOn): message.flag.value = isOn
    case .vote(let tally): message.vote = Parts.vote(tally)
    case .ormap(let change):
      message.ormap.cleared = change.cleared
      message.ormap.removed = change.removed.map(Parts.any)
      message.ormap.updated = change.updated.map { entry in
        var message = Cloudstate_Internal_Legacycrdt_LegacyMapEntryDelta()
        message.key = Parts.any(entry.key)
        message.delta = self.message(entry.delta)
        return message
      }
      message.ormap.added = change.added.map(self.entry)
    }
    return message
  }

  /// The value that a delta makes of the empty one.
  static func state(_ initial: FunctionDelta) -> Cloudstate_Internal_Legacycrdt_LegacyState {
    var state = State()
    switch initial {
    case .gcounter(let value): state.gcounter.value = value
    case .pncounter(let value): state.pncounter.value = value
    case .gset(let items): state.gset.items = items.map(Parts.any)
    case .orset(let change): state.orset.items = change.added.map(Parts.any)
    case .lwwregister(let write): state.lwwregister.value = Parts.any(write.value)
    case .flag(let isOn): state.flag.value = isOn
    case .ormap(let change): state.ormap.entries = change.added.map(entry)
    case .vote(let tally):
      state.vote.selfVote = tally.selfVote
      state.vote.votesFor = UInt32(clamping: tally.votesFor)
      state.vote.totalVoters = UInt32(clamping: tally.totalVoters)
    }
    return state
  }

  /// - Returns: `nil` if the delta, or one in it, names no type.
  static func delta(_ message: Cloudstate_Internal_Legacycrdt_LegacyDelta) -> FunctionDelta? {
    switch message.delta {
    case .gcounter(let counter): return .gcounter(increment: counter.increment)
    case .pncounter(let counter): return .pncounter(change: counter.change)
    case .gset(let set): return .gset(added: set.added.map(Parts.element))
    case .orset(let set): return .orset(Parts.set(set))
    case .lwwregister(let register): return .lwwregister(Parts.register(register))
    case .flag(let flag): return .flag(flag.value)
    case .vote(let vote): return .vote(Parts.vote(vote))
    case .ormap(let map):
      var change = MapDelta(cleared: map.cleared, removed: map.removed.map(Parts.element))
      for update in map.updated {
        guard let delta = delta(update.delta) else { return nil }
        change.updated.append(MapEntryDelta(key: Parts.element(update.key), delta: delta))
      }
      guard let added = entries(map.added) else { return nil }
      change.added = added
      return .ormap(change)
    case nil: return nil
    }
  }

  /// What makes a state out of the empty value.
  ///
  /// - Returns: `nil` if the state, or one in it, names no type.
  static func delta(
    creating state: Cloudstate_Internal_Legacycrdt_LegacyState
  ) -> FunctionDelta? {
    switch state.state {
    case .gcounter(let counter): return .gcounter(increment: counter.value)
    case .pncounter(let counter): return .pncounter(change: counter.value)
    case .gset(let set): return .gset(added: set.items.map(Parts.element))
    case .orset(let set): return .orset(SetDelta(added: set.items.map(Parts.element)))
    case .lwwregister(let register):
      return .lwwregister(
        RegisterDelta(
          value: Parts.element(register.value), clock: Parts.clock(register.clock),
          customClockValue: register.customClockValue))
    case .flag(let flag): return .flag(flag.value)
    case .ormap(let map): return entries(map.entries).map { .ormap(MapDelta(added: $0)) }
    case .vote(let vote): return .vote(VoteTally(selfVote: vote.selfVote))
    case nil: return nil
    }
  }

  private static func entry(
    _ entry: MapEntryDelta
  ) -> Cloudstate_Internal_Legacycrdt_LegacyMapEntry {
    var message = Cloudstate_Internal_Legacycrdt_LegacyMapEntry()
    message.key = Parts.any(entry.key)
    message.value = state(entry.delta)
    return message
  }

  private static func entries(
    _ messages: [Cloudstate_Internal_Legacycrdt_LegacyMapEntry]
  ) -> [MapEntryDelta]? {
    var entries: [MapEntryDelta] = []
    entries.reserveCapacity(messages.count)
    for message in messages {
      guard let delta = delta(creating: message.value) else { return nil }
      entries.append(MapEntryDelta(key: Parts.element(message.key), delta: delta))
    }
    return entries
  }
}
