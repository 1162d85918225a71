import CloudstateSDK
import SwiftProtobuf
import TCKProtocol

/// The value of a CRDT model, and of an entry of a map in it: texts wherever there are elements.
typealias ModelValue = AnyReplicated<String>

private typealias Update = Cloudstate_Tck_Model_Crdt_Update
private typealias Response = Cloudstate_Tck_Model_Crdt_Response
private typealias State = Cloudstate_Tck_Model_Crdt_State

extension AnyReplicated where Element == String {
  /// An empty value of the type that a name such as `GSet-1` begins with. Names that begin otherwise
  /// are taken for counters, so that a request for one gets an answer.
  init(named name: String) {
    switch name.prefix(while: { $0 != "-" }) {
    case "PNCounter": self.init(PNCounter())
    case "GSet": self.init(GSet<String>())
    case "ORSet": self.init(ORSet<String>())
    case "LWWRegister": self.init(LWWRegister(""))
    case "Flag": self.init(Flag())
    case "ORMap": self.init(Map())
    case "Vote": self.init(Vote())
    default: self.init(GCounter())
    }
  }

  /// Carries out an update. One for another type fails the command.
  mutating func apply(_ update: Cloudstate_Tck_Model_Crdt_Update) throws {
    let applied: Void? =
      switch update.update {
      case .gcounter(let change):
        self.update(GCounter.self) { $0.increment(by: change.increment) }
      case .pncounter(let change): self.update(PNCounter.self) { $0.add(change.change) }
      case .gset(let change): self.update(GSet<String>.self) { _ = $0.insert(change.add) }
      case .orset(let change): self.update(ORSet<String>.self) { $0.apply(change) }
      case .lwwregister(let change):
        self.update(LWWRegister<String>.self) {
          $0.set(change.value, clock: RegisterClock(change.clock))
        }
      case .flag: self.update(Flag.self) { $0.switchOn() }
      case .ormap(let change): try self.update(Map.self) { try $0.apply(change) }
      case .vote(let change): self.update(Vote.self) { $0.vote(change.selfVote) }
      case nil: ()
      }
    guard applied != nil else {
      throw CommandFailure("The update is not for a \(type(of: base)).")
    }
  }
}

extension ORSet<String> {
  fileprivate mutating func apply(_ change: Cloudstate_Tck_Model_Crdt_ORSetUpdate) {
    switch change.action {
    case .add(let element): insert(element)
    case .remove(let element): remove(element)
    case .clear(true): removeAll()
    case .clear(false), nil: break
    }
  }
}

extension ModelValue.Map {
  fileprivate mutating func apply(_ change: Cloudstate_Tck_Model_Crdt_ORMapUpdate) throws {
    switch change.action {
    case .add(let key): add(key, ModelValue(named: key))
    case .update(let entry):
      try update(entry.key, default: ModelValue(named: entry.key)) { try $0.apply(entry.update) }
    case .remove(let key): remove(key)
    case .clear(true): removeAll()
    case .clear(false), nil: break
    }
  }
}

extension RegisterClock {
  fileprivate init(_ clock: Cloudstate_Tck_Model_Crdt_LWWRegisterClock) {
    switch clock.clockType {
    case .default, .UNRECOGNIZED: self = .system
    case .reverse: self = .reversed
    case .custom: self = .custom(clock.customClockValue)
    case .customAutoIncrement: self = .customAtLeastNext(clock.customClockValue)
    }
  }
}

extension Cloudstate_Tck_Model_Crdt_Response {
  /// Shows a value.
  init(_ value: ModelValue) {
    self.init()
    state = State(value)
  }
}

extension Cloudstate_Tck_Model_Crdt_State {
  fileprivate init(_ value: ModelValue) {
    self.init()
    switch value.base {
    case let counter as GCounter: gcounter.value = counter.value
    case let counter as PNCounter: pncounter.value = counter.value
    case let set as GSet<String>: gset.elements = set.elements.sorted()
    case let set as ORSet<String>: orset.elements = set.elements.sorted()
    case let register as LWWRegister<String>: lwwregister.value = register.value ?? ""
    case let flag as Flag: self.flag.value = flag.isOn
    case let map as ModelValue.Map:
      ormap.entries = map.pairs.sorted { $0.key < $1.key }.map { key, value in
        .with {
          $0.key = key
          $0.value = State(value)
        }
      }
    case let vote as Vote:
      self.vote.selfVote = vote.selfVote
      self.vote.votesFor = Int32(clamping: vote.votesFor)
      self.vote.totalVoters = Int32(clamping: vote.totalVoters)
    default: break
    }
  }
}
