import CloudstateProtocol
import SwiftProtobuf
import TCKProtocol

typealias ReplicatedState = Cloudstate_Tck_Model_Crdt_State
typealias ReplicatedChange = Cloudstate_Crdt_CrdtDelta

// The notation of values and changes of replicated data (section 8). What is written here is read back
// by ReplicatedNotation+Description.swift.

extension NotationScanner {
  /// A value: `gc(1)`, `pn(-1)`, `gs(a,b)`, `os(a,b)`, `lw(v)`, `fl(true)`, `om{K: value, ...}` or
  /// `vt(own vote, votes for, voters)`.
  mutating func state() throws(NotationError) -> ReplicatedState {
    var state = ReplicatedState()
    let symbol = word()
    try expect(symbol == "om" ? "{" : "(")
    switch symbol {
    case "gc": state.gcounter.value = UInt64(try number())
    case "pn": state.pncounter.value = try signedNumber()
    case "gs": state.gset.elements = try names()
    case "os": state.orset.elements = try names()
    case "lw": state.lwwregister.value = try name()
    case "fl": state.flag.value = try boolean()
    case "vt":
      (state.vote.selfVote, state.vote.votesFor, state.vote.totalVoters) = try vote()
    case "om":
      state.ormap = Cloudstate_Tck_Model_Crdt_ORMapValue()
      while !isAtEndOfList {
        var entry = Cloudstate_Tck_Model_Crdt_ORMapEntryValue()
        entry.key = try key()
        try expect(":")
        entry.value = try self.state()
        state.ormap.entries.append(entry)
        _ = take(",")
      }
    default: throw error("expected a value")
    }
    try expect(symbol == "om" ? "}" : ")")
    return state
  }

  /// A change: counters, grow-only sets, registers and flags as their values, `lw(v, CLOCK, n)`,
  /// `os-(clear; rem a; add b,c)`, `om-(clear; rem K; upd K: change; add K: change)`, `vt(...)` or
  /// `vd(own vote)`.
  mutating func change() throws(NotationError) -> ReplicatedChange {
    var change = ReplicatedChange()
    let symbol = word()
    if symbol == "os" || symbol == "om" { try expect("-") }
    try expect("(")
    switch symbol {
    case "gc": change.gcounter.increment = UInt64(try number())
    case "pn": change.pncounter.change = try signedNumber()
    case "gs": change.gset.added = try names().map { packedText($0) }
    case "os": change.orset = try setChange()
    case "lw":
      change.lwwregister.value = packedText(try name())
      let (clock, value) = try clock()
      change.lwwregister.clock = Cloudstate_Crdt_CrdtClock(rawValue: clock.rawValue) ?? .default
      change.lwwregister.customClockValue = value
    case "fl": change.flag.value = try boolean()
    case "vd": change.vote.selfVote = try boolean()
    case "vt":
      (change.vote.selfVote, change.vote.votesFor, change.vote.totalVoters) = try vote()
    case "om": change.ormap = try mapChange()
    default: throw error("expected a change")
    }
    try expect(")")
    return change
  }

  /// An update that a request asks for: `inc(1)`, `chg(-1)`, `add(x)`, `rem(x)`, `clear`, `set(v)`,
  /// `set(v, CLOCK, n)`, `enable`, `self(true)`, `madd(K)`, `mupd(K: update)`, `mrem(K)` or `mclear`.
  ///
  /// - Parameters:
  ///   - symbol: Its first word, which was read.
  ///   - type: To what `add` adds.
  mutating func update(
    _ symbol: String, of type: ReplicatedType
  ) throws(NotationError) -> Cloudstate_Tck_Model_Crdt_Update {
    var update = Cloudstate_Tck_Model_Crdt_Update()
    let isBare = symbol == "clear" || symbol == "enable" || symbol == "mclear"
    if !isBare { try expect("(") }
    switch symbol {
    case "inc": update.gcounter.increment = UInt64(try number())
    case "chg": update.pncounter.change = try signedNumber()
    case "add" where type == .gset: update.gset.add = try name()
    case "add": update.orset.add = try name()
    case "rem": update.orset.remove = try name()
    case "clear": update.orset.clear = true
    case "set":
      update.lwwregister.value = try name()
      let (clock, value) = try clock()
      update.lwwregister.clock.clockType = clock
      update.lwwregister.clock.customClockValue = value
    case "enable": update.flag = Cloudstate_Tck_Model_Crdt_FlagUpdate()
    case "self": update.vote.selfVote = try boolean()
    case "madd": update.ormap.add = try key()
    case "mrem": update.ormap.remove = try key()
    case "mclear": update.ormap.clear = true
    case "mupd":
      let key = try key()
      update.ormap.update.key = key
      try expect(":")
      update.ormap.update.update = try self.update(word(), of: ReplicatedType(entityID: key))
    default: throw error("expected an update")
    }
    if !isBare { try expect(")") }
    return update
  }

  // MARK: Parts

  /// Names between commas; may be none.
  private mutating func names() throws(NotationError) -> [String] {
    var names: [String] = []
    while !isAtEndOfList { repeat { names.append(try name()) } while take(",") }
    return names
  }

  mutating func boolean() throws(NotationError) -> Bool {
    if take("true") { return true }
    try expect("false")
    return false
  }

  private mutating func vote() throws(NotationError) -> (Bool, Int32, Int32) {
    let own = try boolean()
    try expect(",")
    let votes = Int32(truncatingIfNeeded: try number())
    try expect(",")
    return (own, votes, Int32(truncatingIfNeeded: try number()))
  }

  /// `, CLOCK, n`, or nothing for the default.
  private mutating func clock() throws(NotationError) -> (
    Cloudstate_Tck_Model_Crdt_LWWRegisterClockType, Int64
  ) {
    guard take(",") else { return (.default, 0) }
    let clocks: [(String, Cloudstate_Tck_Model_Crdt_LWWRegisterClockType)] = [
      ("DEFAULT", .default), ("REVERSE", .reverse),
      ("CUSTOM_AUTO_INCREMENT", .customAutoIncrement), ("CUSTOM", .custom),
    ]
    for (name, clock) in clocks where take(name) {
      try expect(",")
      return (clock, try signedNumber())
    }
    throw error("expected a clock")
  }

  private mutating func setChange() throws(NotationError) -> Cloudstate_Crdt_ORSetDelta {
    var change = Cloudstate_Crdt_ORSetDelta()
    while !isAtEndOfList {
      switch word() {
      case "clear": change.cleared = true
      case "rem": change.removed = try names().map { packedText($0) }
      case "add": change.added = try names().map { packedText($0) }
      default: throw error("expected clear, rem or add")
      }
      _ = take(";")
    }
    return change
  }

  private mutating func mapChange() throws(NotationError) -> Cloudstate_Crdt_ORMapDelta {
    var change = Cloudstate_Crdt_ORMapDelta()
    while !isAtEndOfList {
      switch word() {
      case "clear": change.cleared = true
      case "rem":
        repeat { change.removed.append(packedText(try key())) } while take(",")
      case "upd": change.updated = try entries()
      case "add": change.added = try entries()
      default: throw error("expected clear, rem, upd or add")
      }
      _ = take(";")
    }
    return change
  }

  private mutating func entries() throws(NotationError) -> [Cloudstate_Crdt_ORMapEntryDelta] {
    var entries: [Cloudstate_Crdt_ORMapEntryDelta] = []
    repeat {
      var entry = Cloudstate_Crdt_ORMapEntryDelta()
      entry.key = packedText(try key())
      try expect(":")
      entry.delta = try change()
      entries.append(entry)
    } while take(",")
    return entries
  }

  /// A key of a map, see ``mapKeys``.
  private mutating func key() throws(NotationError) -> String {
    let short = try name()
    guard let key = mapKeys[short] else { throw error("expected a key instead of \(short)") }
    return key
  }
}

/// The data types, by the first part of an entity id or a key.
enum ReplicatedType: String, CaseIterable, Sendable {
  case gcounter = "GCounter"
  case pncounter = "PNCounter"
  case gset = "GSet"
  case orset = "ORSet"
  case lwwregister = "LWWRegister"
  case flag = "Flag"
  case ormap = "ORMap"
  case vote = "Vote"

  /// Entities that need no type of their own are counters.
  init(entityID: String) {
    let prefix = entityID.prefix { $0 != "-" }
    self = Self(rawValue: String(prefix)) ?? .gcounter
  }
}

/// Keys of maps by what stands for them (section 8.8).
let mapKeys: [String: String] = [
  "P1": "PNCounter-1", "P2": "PNCounter-2", "O1": "ORSet-1", "O2": "ORSet-2",
  "L1": "LWWRegister-1", "L2": "LWWRegister-2", "F1": "Flag-1", "G1": "GCounter-1",
  "S1": "GSet-1", "M1": "ORMap-1",
]

/// An element, a key or a value of a register (section 1.5).
func packedText(_ text: String) -> Google_Protobuf_Any {
  var any = Google_Protobuf_Any()
  any.typeURL = textTypeURL
  any.value = packed(Google_Protobuf_StringValue(text)).value
  return any
}

/// The text in an element; `nil` if it is something else.
func text(of any: Google_Protobuf_Any) -> String? {
  guard any.typeURL == textTypeURL else { return nil }
  return try? Google_Protobuf_StringValue(serializedBytes: any.value).value
}

private let textTypeURL = "p.cloudstate.io/string"
