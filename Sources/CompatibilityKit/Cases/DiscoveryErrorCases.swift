import CloudstateProtocol
import FoundationEssentials
import GRPCTransport
import Logging
import NIOPosix
import SwiftProtobuf

/// Section 10.1: specifications that no proxy can serve; it has to report the text of proxy-behaviour,
/// section 3, and not to serve. Row 7 and row 17 depend on how the proxy is configured.
let discoveryErrorCases: [TestCase] = [
  refused(
    "DE1", "Another protocol version",
    .exactly("Incompatible protocol version 9.9, only 0.2 is supported")
  ) {
    var spec = stateful(EventSourcedScript.self)
    (spec.serviceInfo.protocolMajorVersion, spec.serviceInfo.protocolMinorVersion) = (9, 9)
    return spec
  },
  refused("DE2", "Descriptors that cannot be read", .anything) {
    var spec = stateful(EventSourcedScript.self)
    spec.proto = Data([0xff, 0xff, 0xff])
    return spec
  },
  refused(
    "DE3", "A cycle of imports",
    .beginning("Circular dependency detected in entity spec descriptor: [")
  ) {
    let first = ScriptedFile(imports: ["other.proto"]).descriptor
    var second = Google_Protobuf_FileDescriptorProto()
    second.name = "other.proto"
    second.dependency = ["scripted.proto"]
    return announcement(
      [Announced(ScriptedFile.service, eventSourced)], files: modelFiles + [first, second])
  },
  refused(
    "DE4", "A missing import",
    .beginning("Descriptor dependency [missing.proto] not found, dependency path: ")
  ) { ScriptedFile(imports: ["missing.proto"]).announcing(eventSourced) },
  refused("DE5", "No entities", .exactly("No entities were reported by the discover call!")) {
    announcement([])
  },
  refused(
    "DE6", "A service without descriptors",
    .exactly("Service [no.such.Service] not found in descriptors!")
  ) { announcement([Announced("no.such.Service", eventSourced)]) },
  refused(
    "DE8", "An unknown type of entity",
    .beginning(
      "Service [\(ScriptedFile.service)] has declared an unsupported entity type [no.such.Type]. "
        + "Supported types are ")
  ) { ScriptedFile().announcing("no.such.Type") },
  refused(
    "DE9", "An event sourced entity with streams", .exactly(streams("Event sourced entities"))
  ) { streaming.announcing(eventSourced) },
  refused(
    "DE10", "An event sourced entity without a key", .exactly(keyless("Event sourced entities"))
  ) { ScriptedFile(key: .none).announcing(eventSourced) },
  refused("DE11", "A value entity with streams", .exactly(streams("Value based entities"))) {
    streaming.announcing(valueEntity)
  },
  refused("DE12", "A value entity without a key", .exactly(keyless("Value based entities"))) {
    ScriptedFile(key: .none).announcing(valueEntity)
  },
  refused(
    "DE13", "A replicated entity with streams from the client",
    .exactly(
      "CRDT entities do not support streaming in from the client, but \(ScriptedFile.service) has the "
        + "following streamed methods: In,Both")
  ) { streaming.announcing(crdt) },
  refused("DE14", "A replicated entity without a key", .exactly(keyless("CRDT entities"))) {
    ScriptedFile(key: .none).announcing(crdt)
  },
  refused(
    "DE15", "The same topic in and out",
    .containing(["has the same input topic as output topic [pings], this is not allowed."])
  ) {
    eventing("Call") {
      $0.in.topic = "pings"
      $0.out.topic = "pings"
    }
  },
  refused("DE16", "Two methods for the same events", .containing(["First", "Second"])) {
    eventing("First", "Second") { $0.in.eventLog = "log" }
  },
  refused(
    "DE17", "Events out without a topic", .containing(["has declared an event out with no topic."])
  ) { eventing("Call") { $0.out = Cloudstate_EventDestination() } },
  refused("DE18", "Events in without a source", .containing(["Service"])) {
    eventing("Call") { $0.in = Cloudstate_EventSource() }
  },
  refused("DE19", "A path template that is none", .containing(["no/initial/slash"])) {
    ScriptedFile(
      methods: [
        .init(name: "Call", options: { $0.Google_Api_http.get = "no/initial/slash" })
      ], imports: ["google/api/annotations.proto"]
    ).announcing(eventSourced)
  },
  refused("DE20", "A service that is announced twice", .containing([ScriptedFile.service])) {
    announcement(
      ["one", "two"].map { Announced(ScriptedFile.service, eventSourced, persistenceID: $0) },
      files: modelFiles + [ScriptedFile().descriptor])
  },
  refused("DE21", "Two entities with one persistence id", .containing(["the-same"])) {
    announcement(
      [ServiceRole.model, .two].map {
        Announced(EventSourcedMessages.service($0), eventSourced, persistenceID: "the-same")
      })
  },
  refused("DE22", "A stateful entity without a persistence id", .containing([ScriptedFile.service]))
  {
    announcement(
      [Announced(ScriptedFile.service, eventSourced, persistenceID: "")],
      files: modelFiles + [ScriptedFile().descriptor])
  },
  TestCase(
    scripted: "DR1", "Retry when discovery fails", .discoveryErrors,
    clause: "the first discovery fails with UNAVAILABLE: the proxy asks again, and serves",
    ScriptedProcedure(
      spec: { stateful(EventSourcedScript.self) }, refusals: 1,
      run: { scene throws(CaseFailure) in
        let call = scene.process(EventSourcedScript.self, "entity")
        let entity = try await ScriptedEntity<EventSourcedScript>.activated(scene, id: "entity")
        try await entity.expectCommand(id: 1)
        entity.reply("late", to: 1)
        _ = try await call.reply()
      })),
]

private let eventSourced = EventSourcedScript.entityType
private let valueEntity = ValueEntityScript.entityType
private let crdt = "cloudstate.crdt.Crdt"

private let streaming = ScriptedFile(
  methods: [
    .init(name: "Call"), .init(name: "In", streamsIn: true),
    .init(name: "Both", streamsIn: true, streamsOut: true),
  ])

private func streams(_ kind: String) -> String {
  "\(kind) do not support streamed methods, but \(ScriptedFile.service) has the following streamed "
    + "methods: In,Both"
}

private func keyless(_ kind: String) -> String {
  "\(kind) do not support methods whose parameters do not have at least one field marked as "
    + "entity_key, but \(ScriptedFile.service) has the following methods without keys: Call"
}

/// An action with methods that have this eventing option, beside an entity with the event log `log`.
private func eventing(
  _ methods: String..., option: @escaping @Sendable (inout Cloudstate_Eventing) -> Void
) -> Cloudstate_EntitySpec {
  let file = ScriptedFile(
    methods: methods.map { name in
      .init(
        name: name,
        options: { options in
          var eventing = Cloudstate_Eventing()
          option(&eventing)
          options.Cloudstate_eventing = eventing
        })
    }, imports: ["cloudstate/eventing.proto"])
  return announcement(
    [
      Announced(ScriptedFile.service, "cloudstate.action.ActionProtocol"),
      Announced(EventSourcedMessages.service, eventSourced, persistenceID: "log"),
    ], files: modelFiles + [file.descriptor])
}

/// What a report has to say.
private enum ReportedText: Sendable, CustomStringConvertible {
  case exactly(String)
  case beginning(String)
  case containing([String])
  case anything

  func matches(_ report: String) -> Bool {
    switch self {
    case .exactly(let text): report == text
    case .beginning(let text): report.hasPrefix(text)
    case .containing(let texts): texts.allSatisfy { report.contains($0) }
    case .anything: true
    }
  }

  var description: String {
    switch self {
    case .exactly(let text): "the report \"\(text)\""
    case .beginning(let text): "a report that begins with \"\(text)\""
    case .containing(let texts):
      "a report with \(texts.map { "\"\($0)\"" }.joined(separator: " and "))"
    case .anything: "a report"
    }
  }
}

private func refused(
  _ id: String, _ title: String, _ text: ReportedText,
  _ spec: @escaping @Sendable () -> Cloudstate_EntitySpec
) -> TestCase {
  TestCase(
    scripted: id, title, .discoveryErrors, clause: "\(text), and the proxy does not serve",
    ScriptedProcedure(
      spec: spec, serves: false,
      run: { scene throws(CaseFailure) in
        guard let report = await scene.report() else {
          let end = scene.isRunning() ? "none in time" : "none, and the proxy has ended"
          throw scene.failure("\(text)", end)
        }
        guard text.matches(report) else { throw scene.failure("\(text)", "\"\(report)\"") }
        if await scene.isServed() {
          throw scene.failure("a proxy that does not serve", "it listens at \(scene.address)")
        }
      }))
}

extension ScriptedScene {
  /// Whether somebody listens where the proxy was told to, now or a moment later.
  fileprivate func isServed() async -> Bool {
    try? await Task.sleep(for: quiet)
    let logger = Logger(label: "cs-tck") { _ in SwiftLogNoOpLogHandler() }
    let client = try? await GRPCAsyncClient.connect(
      target: address, group: MultiThreadedEventLoopGroup.singleton, logger: logger)
    await client?.close()
    return client != nil
  }
}
