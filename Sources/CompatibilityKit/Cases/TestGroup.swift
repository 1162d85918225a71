/// Cases that test one kind of entity. The raw value selects it on the command line.
package enum TestGroup: String, CaseIterable, Sendable {
  case discovery
  case action
  case eventSourced = "event-sourced"
  case valueEntity = "value-entity"
  case crdt
  case reflection
  case eventing
  case discoveryErrors = "discovery-errors"
  case violations
  case queueing
  case effects
  case metadata
  case legacy
  case cart

  /// For people.
  package var title: String {
    switch self {
    case .discovery: "Discovery"
    case .action: "Action"
    case .eventSourced: "Event sourced entity"
    case .valueEntity: "Value entity"
    case .crdt: "Replicated entity"
    case .reflection: "Reflection"
    case .eventing: "Eventing"
    case .discoveryErrors: "Discovery errors"
    case .violations: "Protocol violations"
    case .queueing: "Queueing"
    case .effects: "Side effects"
    case .metadata: "Metadata"
    case .legacy: "Older libraries"
    case .cart: "Shopping cart of 2020"
    }
  }
}

/// What a case needs, and what the kit plays. The raw value selects it on the command line.
package enum TestPart: String, CaseIterable, Sendable {
  /// A user function; the kit plays the proxy.
  case model
  /// A user function and a proxy; the kit stands between them and is the client.
  case proxy
  /// A command that starts a proxy; the kit plays the user function and the client.
  case scripted

  /// For headings.
  var remark: String {
    switch self {
    case .model: ""
    case .proxy: ", through the proxy"
    case .scripted: ", the kit plays the function"
    }
  }
}

/// Which cases belong together. The raw value selects it on the command line.
package enum TestSuite: String, CaseIterable, Sendable {
  /// The models of protocol 0.2.
  case models
  /// The shopping cart, for libraries of protocol 0.1.
  case cart

  /// Its cases, in the order of the specification.
  package var cases: [TestCase] {
    switch self {
    case .models: CompatibilityKit.allCases
    case .cart: cartCases
    }
  }
}
