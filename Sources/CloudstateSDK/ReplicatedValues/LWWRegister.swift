import CloudstateProtocol
import SwiftProtobuf

/// A value of which one write wins: that with the highest timestamp, by ``RegisterClock``.
///
/// The sidecar decides. If another write has won meanwhile, the value here is put back by a change that
/// follows the command.
public struct LWWRegister<Value: Payload>: StartsEmpty {
  /// The value; `nil` as long as none was set.
  public private(set) var value: Value?

  /// The clock of a write that the sidecar does not know yet.
  private var written: RegisterClock?
  /// What ``value`` was before it.
  private var before: Value?

  /// Without a value.
  public init() {}

  /// With a value that counts as written, and is lost if another node has written one before.
  public init(_ value: Value) { set(value) }

  /// Writes a value. Also the same as before is a write.
  public mutating func set(_ value: Value, clock: RegisterClock = .system) {
    if written == nil { before = self.value }
    self.value = value
    written = clock
  }

  /// The difference of the value from an empty one.
  public func whole() throws(PayloadError) -> ReplicatedDelta { try delta(written ?? .system) }

  /// What changed since the value was last settled.
  public func change() throws(PayloadError) -> ReplicatedDelta? {
    guard let written else { return nil }
    return try delta(written)
  }

  /// Takes a change that was made elsewhere.
  public mutating func apply(_ delta: ReplicatedDelta) throws(PayloadError) {
    guard case .lwwregister(let change) = delta.message.delta else {
      throw delta.mismatch(with: "an LWWRegister")
    }
    // Without type the sidecar has an empty register (proxy behaviour section 9.4).
    value = change.value.typeURL.isEmpty ? nil : try change.value.payload()
  }

  /// What changed is known to the sidecar.
  public mutating func settle() {
    written = nil
    before = nil
  }

  /// Takes back what changed since the value was last settled.
  public mutating func rollBack() {
    if written != nil { value = before }
    settle()
  }

  private func delta(_ clock: RegisterClock) throws(PayloadError) -> ReplicatedDelta {
    var change = Cloudstate_Crdt_LWWRegisterDelta()
    if let value { change.value = try Google_Protobuf_Any(encoding: value) }
    switch clock {
    case .system: change.clock = .default
    case .reversed: change.clock = .reverse
    case .custom(let time):
      change.clock = .custom
      change.customClockValue = time
    case .customAtLeastNext(let time):
      change.clock = .customAutoIncrement
      change.customClockValue = time
    }
    return ReplicatedDelta(.lwwregister(change))
  }
}

/// What gives a write to an ``LWWRegister`` its timestamp.
public enum RegisterClock: Hashable, Sendable {
  /// The clock of the node: the last write wins.
  case system
  /// The same backwards: the first write wins.
  case reversed
  /// This timestamp, of whatever unit.
  case custom(Int64)
  /// This timestamp, or one more than that of the register, if that is not lower.
  case customAtLeastNext(Int64)
}
