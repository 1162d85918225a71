/// One case of the specification.
package struct TestCase: Sendable {
  /// The name that the specification gives it, such as `ESM4`.
  package let id: String
  package let title: String
  package let group: TestGroup
  /// The section of the specification.
  package let section: String
  /// The words of the specification: what is sent and what is to come.
  package let clause: String
  /// The full names of the services without which the case is skipped.
  package let needs: [String]

  let procedure: Procedure

  /// What the kit plays.
  package var part: TestPart {
    switch procedure {
    case .discovery, .action, .entity, .crdt, .function: .model
    case .proxyInfo, .proxyAction, .proxyEntity, .proxyCRDT, .proxy: .proxy
    case .scripted: .scripted
    }
  }
}

/// How a case is carried out.
enum Procedure: Sendable {
  case discovery([DeclaredEntity])
  case action(ActionShape, ActionScript)
  case entity(EntityProcedure)
  case crdt(CRDTScript)
  case function(FunctionProcedure)
  case proxyInfo
  case proxyAction([ProxyActionStep])
  case proxyEntity(ProxyEntityProcedure)
  case proxyCRDT(ProxyCRDTScript)
  case proxy(ProxyProcedure)
  case scripted(ScriptedProcedure)
}

/// A script; if its last step lets an entity choose whether to be restarted, one of two others follows.
struct EntityProcedure: Sendable {
  var script: EntityScript
  var ifRestarted: EntityScript?
  var ifKept: EntityScript?
}

/// What discovery has to say of a service.
struct DeclaredEntity: Hashable, Sendable {
  var service: String
  var type: String
  var persistenceID: String?
  var passivationMilliseconds: Int64?
}

/// Which sides of a method of the action stream; the raw value is the method of `ActionProtocol`.
enum ActionShape: String, Sendable {
  case unary = "handleUnary"
  case streamedIn = "handleStreamedIn"
  case streamedOut = "handleStreamedOut"
  case streamed = "handleStreamed"

  /// The method of the model.
  var methodName: String {
    switch self {
    case .unary: "ProcessUnary"
    case .streamedIn: "ProcessStreamedIn"
    case .streamedOut: "ProcessStreamedOut"
    case .streamed: "ProcessStreamed"
    }
  }
}

/// All cases of protocol 0.2, in the order of the specification.
package let allCases: [TestCase] =
  discoveryCases + actionModelCases + actionProxyCases + eventSourcedModelCases
  + eventSourcedProxyCases + valueEntityModelCases + valueEntityProxyCases + crdtModelCases
  + crdtProxyCases + reflectionCases + eventingCases + discoveryErrorCases + violationCases
  + queueingCases + effectCases + metadataCases + legacyCases

/// Section 4: what proxy and user function say of themselves when they meet.
private let discoveryCases = [
  TestCase(
    id: "D1", title: "Proxy info and entity list", group: .discovery, section: "4",
    clause: "the proxy speaks protocol 0.2 and supports \(supportedTypes.joined(separator: ", ")); "
      + "every service of an entity is in the descriptors",
    needs: [], procedure: .proxyInfo)
]

/// What a proxy of protocol 0.2 supports, in the order of the alphabet.
let supportedTypes = [
  "cloudstate.action.ActionProtocol", "cloudstate.crdt.Crdt",
  "cloudstate.eventsourced.EventSourced", "cloudstate.valueentity.ValueEntity",
]

// Scripts are written in this module, so a mistake in one is a bug.
extension TestCase {
  /// Looks at what discovery says.
  init(
    _ id: String, _ title: String, _ group: TestGroup, section: String,
    discovering entities: [DeclaredEntity]
  ) {
    self.init(
      id: id, title: title, group: group, section: section,
      clause: entities.map(\.description).joined(separator: "; "), needs: entities.map(\.service),
      procedure: .discovery(entities))
  }

  /// Talks to an entity.
  init(
    _ id: String, _ title: String, _ group: TestGroup, section: String, needs: [String],
    script: String, ifRestarted: String? = nil, ifKept: String? = nil
  ) {
    let procedure = EntityProcedure(
      script: EntityScript(stringLiteral: script),
      ifRestarted: ifRestarted.map { EntityScript(stringLiteral: $0) },
      ifKept: ifKept.map { EntityScript(stringLiteral: $0) })
    self.init(
      id: id, title: title, group: group, section: section,
      clause: Self.clause(script, ifRestarted, ifKept), needs: needs,
      procedure: .entity(procedure))
  }

  /// Talks to an entity through the proxy.
  init(
    _ id: String, _ title: String, _ group: TestGroup, section: String, needs: [String],
    passingProxy script: String, ifRestarted: String? = nil, ifKept: String? = nil
  ) {
    let procedure = ProxyEntityProcedure(
      script: ProxyEntityScript(stringLiteral: script),
      ifRestarted: ifRestarted.map { ProxyEntityScript(stringLiteral: $0) },
      ifKept: ifKept.map { ProxyEntityScript(stringLiteral: $0) })
    self.init(
      id: id, title: title, group: group, section: section,
      clause: Self.clause(script, ifRestarted, ifKept), needs: needs,
      procedure: .proxyEntity(procedure))
  }

  private static func clause(
    _ script: String, _ ifRestarted: String?, _ ifKept: String?
  ) -> String {
    var clause = script
    if let ifRestarted { clause += ". If restarted: \(ifRestarted)" }
    if let ifKept { clause += ". Otherwise: \(ifKept)" }
    return clause
  }

  /// Plays the user function.
  init(
    scripted id: String, _ title: String, _ group: TestGroup, clause: String,
    _ procedure: ScriptedProcedure
  ) {
    self.init(
      id: id, title: title, group: group, section: "10.1", clause: clause, needs: [],
      procedure: .scripted(procedure))
  }

  /// Calls an action.
  init(
    _ id: String, _ title: String, _ group: TestGroup, section: String, needs: [String],
    shape: ActionShape, sending sent: String, expecting expected: String
  ) {
    let script: ActionScript
    do {
      script = try ActionScript(sending: sent, expecting: expected)
    } catch {
      preconditionFailure("\(id): \(error)")
    }
    self.init(
      id: id, title: title, group: group, section: section,
      clause: "\(shape.rawValue) \(sent.isEmpty ? "header only" : sent) gives \(expected)",
      needs: needs, procedure: .action(shape, script))
  }
}

extension DeclaredEntity: CustomStringConvertible {
  /// Service, type, and what else is to be so.
  var description: String {
    var text = "\(service) is a \(type)"
    if let persistenceID { text += ", persistence id \(persistenceID)" }
    if let passivationMilliseconds { text += ", passivation timeout \(passivationMilliseconds) ms" }
    return text
  }
}
