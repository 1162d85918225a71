package import CloudstateModel
package import ShardStore

/// The methods that together consume an event log, and which of them takes which event.
package struct EventConsumer: Sendable {
  /// Payloads that are no protobuf messages (protocol section 8).
  private static let foreignPrefixes = ["json.cloudstate.io/", "p.cloudstate.io/"]
  private static let anyType = "google.protobuf.Any"

  package let id: ConsumerID
  /// Methods by the full name of the message they take.
  private let methods: [String: String]

  /// - Parameter methods: names, and the full names of the messages they take, each once.
  package init(id: ConsumerID, methods: [(name: String, inputType: String)]) {
    self.id = id
    self.methods = Dictionary(methods.map { ($0.inputType, $0.name) }) { first, _ in first }
  }

  /// The method that takes an event of this type (proxy behaviour, section 11.2); `nil` if none does.
  package func method(takingType typeURL: String) -> String? {
    if !Self.foreignPrefixes.contains(where: typeURL.hasPrefix),
      let slash = typeURL.firstIndex(of: "/"),
      let method = methods[String(typeURL[typeURL.index(after: slash)...])]
    {
      return method
    }
    return methods[Self.anyType]
  }

  /// The call that hands an event over. A method that takes `google.protobuf.Any` gets the event itself, not
  /// wrapped once more.
  package func call(for event: ConsumedEvent) -> FunctionCall? {
    let payload = event.event.payload
    return method(takingType: payload.typeURL).map { method in
      FunctionCall(
        serviceName: id.serviceName, method: method, payloadTypeURL: payload.typeURL,
        payload: payload.value, metadata: event.metadata)
    }
  }

  /// The idempotency key of a call: the same after a crash, so that an entity that has handled the event
  /// already does nothing more. A refusal is remembered under the key as any answer is, so what follows a
  /// refusal has a key of its own.
  ///
  /// - Parameter refusals: how often the function has refused the event.
  package func key(for event: ConsumedEvent, refusals: Int) -> String {
    "event/\(id.serviceName)/\(id.group)/\(id.eventLog)/\(event.id)"
      + (refusals == 0 ? "" : "/\(refusals)")
  }
}
