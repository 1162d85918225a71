/// The kinds of entities of the protocol; raw values are their names in `Entity.entity_type`
/// (protocol section 1.1).
package enum EntityKind: String, Hashable, Sendable, CaseIterable {
  case eventSourced = "cloudstate.eventsourced.EventSourced"
  case valueEntity = "cloudstate.valueentity.ValueEntity"
  case crdt = "cloudstate.crdt.Crdt"
  case action = "cloudstate.action.ActionProtocol"
  /// What actions were called before protocol 0.2.
  case statelessFunction = "cloudstate.function.StatelessFunction"

  /// Whether state is kept in the node's store, under the persistence id.
  var needsStore: Bool { self == .eventSourced || self == .valueEntity || self == .crdt }

  /// Whether calls are for one instance, chosen by the key fields of the request.
  var needsKey: Bool { needsStore }

  /// The subject of error texts (proxy behaviour, section 3).
  var plural: String {
    switch self {
    case .eventSourced: "Event sourced entities"
    case .valueEntity: "Value based entities"
    case .crdt: "CRDT entities"
    case .action, .statelessFunction: "Actions"
    }
  }
}
