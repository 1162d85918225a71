import CloudstateModel
import EntityRuntime
import ShardStore

// The user function of a simulation: each entity is a list of numbers.

/// What entities and commands look like on the wire.
enum ListEntity {
  static let serviceName = "sim.List"
  /// Entities that keep events, and entities that keep a value.
  static let eventSourced = "list"
  static let value = "value"

  static func key(_ index: Int) -> EntityKey {
    EntityKey(persistenceID: index % 3 == 2 ? value : eventSourced, entityID: "entity-\(index)")
  }

  static func append(_ number: UInt64, to entity: EntityKey, key: String?) -> EntityCommand {
    EntityCommand(
      serviceName: serviceName, method: "Append", entity: entity, payloadTypeURL: "sim/Number",
      payload: Array(String(number).utf8), idempotencyKey: key)
  }

  static func read(_ entity: EntityKey, number: UInt64) -> EntityCommand {
    EntityCommand(
      serviceName: serviceName, method: "Read", entity: entity, payloadTypeURL: "sim/Number",
      payload: Array(String(number).utf8))
  }

  static func number(_ bytes: [UInt8]) -> UInt64? { UInt64(String(decoding: bytes, as: UTF8.self)) }

  static func numbers(_ payload: OpaquePayload?) -> [UInt64] {
    String(decoding: payload?.value ?? [], as: UTF8.self).split(separator: ",").compactMap {
      UInt64($0)
    }
  }

  static func payload(_ numbers: [UInt64]) -> OpaquePayload {
    OpaquePayload(
      typeURL: "sim/List", value: Array(numbers.map(String.init).joined(separator: ",").utf8))
  }

  static func reply(_ state: ListState) -> ReplyPayload {
    ReplyPayload(typeURL: "sim/State", value: Array("\(state.count) \(state.hash)".utf8))
  }

  static func state(_ reply: ReplyPayload?) -> ListState? {
    let parts = String(decoding: reply?.value ?? [], as: UTF8.self).split(separator: " ")
    guard parts.count == 2, let count = UInt64(parts[0]), let hash = UInt64(parts[1]) else {
      return nil
    }
    return ListState(count: count, hash: hash)
  }

  /// The list that a copy of the entity's shard holds.
  static func list(of entity: EntityKey, in deltas: [ShardDelta]) -> [UInt64] {
    var list: [UInt64] = []
    for delta in deltas where delta.entity == entity {
      for event in delta.events {
        if entity.kind == .value { list = numbers(event) } else { list += numbers(event) }
      }
    }
    return list
  }
}

extension EntityKey {
  var kind: StatefulKind { persistenceID == ListEntity.value ? .value : .eventSourced }
}
