import CloudstateProtocol
import FoundationEssentials
import ReplicatedData
import SwiftProtobuf

/// Between deltas and `CrdtDelta` (protocol section 5).
enum CrdtDeltaCodec {
  static func message(_ delta: FunctionDelta) -> Cloudstate_Crdt_CrdtDelta {
    var message = Cloudstate_Crdt_CrdtDelta()
    switch delta {
    case .gcounter(let increment): message.gcounter.increment = increment
    case .pncounter(let change): message.pncounter.change = change
    case .gset(let added): message.gset.added = added.map(any)
    case .orset(let change): message.orset = set(change)
    case .lwwregister(let write): message.lwwregister = register(write)
    case .flag(let isOn): message.flag.value = isOn
    case .vote(let tally): message.vote = vote(tally)
    case .ormap(let change):
      message.ormap.cleared = change.cleared
      message.ormap.removed = change.removed.map(any)
      message.ormap.updated = change.updated.map(entry)
      message.ormap.added = change.added.map(entry)
    }
    return message
  }

  /// - Returns: `nil` if the delta, or one in it, names no type.
  static func delta(_ message: Cloudstate_Crdt_CrdtDelta) -> FunctionDelta? {
    switch message.delta {
    case .gcounter(let counter): return .gcounter(increment: counter.increment)
    case .pncounter(let counter): return .pncounter(change: counter.change)
    case .gset(let set): return .gset(added: set.added.map(element))
    case .orset(let set): return .orset(self.set(set))
    case .lwwregister(let register): return .lwwregister(self.register(register))
    case .flag(let flag): return .flag(flag.value)
    case .vote(let vote): return .vote(self.vote(vote))
    case .ormap(let map):
      guard let updated = entries(map.updated), let added = entries(map.added) else { return nil }
      return .ormap(
        MapDelta(
          cleared: map.cleared, removed: map.removed.map(element), updated: updated, added: added))
    case nil: return nil
    }
  }

  // MARK: Parts

  static func any(_ element: DataElement) -> Google_Protobuf_Any {
    var any = Google_Protobuf_Any()
    any.typeURL = element.typeURL
    any.value = Data(element.value)
    return any
  }

  static func element(_ any: Google_Protobuf_Any) -> DataElement {
    DataElement(typeURL: any.typeURL, value: [UInt8](any.value))
  }

  static func set(_ change: SetDelta) -> Cloudstate_Crdt_ORSetDelta {
    var message = Cloudstate_Crdt_ORSetDelta()
    message.cleared = change.cleared
    message.removed = change.removed.map(any)
    message.added = change.added.map(any)
    return message
  }

  static func set(_ message: Cloudstate_Crdt_ORSetDelta) -> SetDelta {
    SetDelta(
      cleared: message.cleared, removed: message.removed.map(element),
      added: message.added.map(element))
  }

  static func register(_ write: RegisterDelta) -> Cloudstate_Crdt_LWWRegisterDelta {
    var message = Cloudstate_Crdt_LWWRegisterDelta()
    message.value = any(write.value)
    return message
  }

  static func register(_ message: Cloudstate_Crdt_LWWRegisterDelta) -> RegisterDelta {
    RegisterDelta(
      value: element(message.value), clock: clock(message.clock),
      customClockValue: message.customClockValue)
  }

  static func clock(_ clock: Cloudstate_Crdt_CrdtClock) -> RegisterClock {
    switch clock {
    case .reverse: .reverse
    case .custom: .custom
    case .customAutoIncrement: .customAutoIncrement
    case .default, .UNRECOGNIZED: .system
    }
  }

  static func vote(_ tally: VoteTally) -> Cloudstate_Crdt_VoteDelta {
    var message = Cloudstate_Crdt_VoteDelta()
    message.selfVote = tally.selfVote
    message.votesFor = Int32(clamping: tally.votesFor)
    message.totalVoters = Int32(clamping: tally.totalVoters)
    return message
  }

  static func vote(_ message: Cloudstate_Crdt_VoteDelta) -> VoteTally {
    VoteTally(
      selfVote: message.selfVote, votesFor: Int(message.votesFor),
      totalVoters: Int(message.totalVoters))
  }

  private static func entry(_ entry: MapEntryDelta) -> Cloudstate_Crdt_ORMapEntryDelta {
    var message = Cloudstate_Crdt_ORMapEntryDelta()
    message.key = any(entry.key)
    message.delta = self.message(entry.delta)
    return message
  }

  private static func entries(_ messages: [Cloudstate_Crdt_ORMapEntryDelta]) -> [MapEntryDelta]? {
    var entries: [MapEntryDelta] = []
    entries.reserveCapacity(messages.count)
    for message in messages {
      guard let delta = delta(message.delta) else { return nil }
      entries.append(MapEntryDelta(key: element(message.key), delta: delta))
    }
    return entries
  }
}
