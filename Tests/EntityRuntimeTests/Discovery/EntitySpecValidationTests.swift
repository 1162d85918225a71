import CloudstateProtocol
import SwiftProtobuf
import Testing

@testable import EntityRuntime

@Suite("Validation of discovery answers")
struct EntitySpecValidationTests {
  /// A mistake, and what `reportError` says about it (proxy behaviour, section 3).
  struct Mistake: Sendable, CustomTestStringConvertible {
    let row: String
    let text: String
    var policy = DiscoveryPolicy()
    let spec: @Sendable () throws -> Cloudstate_EntitySpec

    var testDescription: String { row }
  }

  static let mistakes: [Mistake] = [
    Mistake(row: "1 version", text: "Incompatible protocol version 1.3, only 0.2 is supported") {
      var spec = try SpecFixture.spec()
      spec.serviceInfo.protocolMajorVersion = 1
      spec.serviceInfo.protocolMinorVersion = 3
      return spec
    },
    Mistake(
      row: "2 no descriptor set",
      text: "The descriptors of the entity spec are invalid: "
        + "the bytes are not a serialized google.protobuf.FileDescriptorSet"
    ) {
      var spec = try SpecFixture.spec()
      spec.proto.append(0x0a)
      return spec
    },
    Mistake(
      row: "3 import cycle",
      text: "Circular dependency detected in entity spec descriptor: "
        + "[shop.proto] -> [other.proto] -> [shop.proto]"
    ) {
      try SpecFixture.spec([
        SpecFixture.file(imports: ["other.proto"]),
        SpecFixture.file(name: "other.proto", service: "Other", imports: ["shop.proto"]),
      ])
    },
    Mistake(
      row: "4 import missing",
      text: "Descriptor dependency [gone.proto] not found, dependency path: "
        + "[other.proto] -> [shop.proto]"
    ) {
      try SpecFixture.spec([
        SpecFixture.file(imports: ["other.proto"]),
        SpecFixture.file(name: "other.proto", service: "Other", imports: ["gone.proto"]),
      ])
    },
    Mistake(row: "5 no entities", text: "No entities were reported by the discover call!") {
      try SpecFixture.spec(entities: [])
    },
    Mistake(row: "6 unknown service", text: "Service [shop.Basket] not found in descriptors!") {
      try SpecFixture.spec(entities: [SpecFixture.entity("shop.Basket")])
    },
    Mistake(
      row: "7 no store",
      text:
        "Service [shop.Cart] has declared an event sourced entity, however, this proxy does not "
        + "have a configured store, or its store does not support journals", policy: storeless()
    ) { try SpecFixture.spec() },
    Mistake(
      row: "8 unsupported type",
      text: "Service [shop.Cart] has declared an unsupported entity type [cloudstate.crdt.CRDT]. "
        + "Supported types are cloudstate.action.ActionProtocol, "
        + "cloudstate.function.StatelessFunction, cloudstate.crdt.Crdt, "
        + "cloudstate.valueentity.ValueEntity, cloudstate.eventsourced.EventSourced"
    ) { try SpecFixture.spec(entities: [SpecFixture.entity(type: "cloudstate.crdt.CRDT")]) },
    Mistake(
      row: "8 CRDT without a store",
      text: "Service [shop.Cart] has declared an unsupported entity type [cloudstate.crdt.Crdt]. "
        + "Supported types are cloudstate.action.ActionProtocol, "
        + "cloudstate.function.StatelessFunction", policy: storeless()
    ) { try SpecFixture.spec(entities: [SpecFixture.entity(type: "cloudstate.crdt.Crdt")]) },
    Mistake(
      row: "one persistence id for two kinds",
      text:
        "Services [shop.Cart] and [shop.Other] have declared the same persistence_id [cart], so "
        + "their states would overwrite each other; give each its own"
    ) {
      try SpecFixture.spec(
        [SpecFixture.file(), SpecFixture.file(name: "b.proto", service: "Other")],
        entities: [
          SpecFixture.entity(), SpecFixture.entity("shop.Other", type: "cloudstate.crdt.Crdt"),
        ])
    },
    Mistake(
      row: "9 streamed methods",
      text: "Event sourced entities do not support streamed methods, but shop.Cart has the "
        + "following streamed methods: Add,Get"
    ) {
      try SpecFixture.spec([
        SpecFixture.file {
          $0.service[0].method[0].clientStreaming = true
          $0.service[0].method[1].serverStreaming = true
        }
      ])
    },
    Mistake(
      row: "10 no key",
      text: "Event sourced entities do not support methods whose parameters do not have at least "
        + "one field marked as entity_key, but shop.Cart has the following methods without keys: "
        + "Add,Get"
    ) { try SpecFixture.spec([SpecFixture.file { $0.messageType[0].field[0].clearOptions() }]) },
    Mistake(
      row: "11 value entity, streamed",
      text: "Value based entities do not support streamed methods, but shop.Cart has the following "
        + "streamed methods: Get", policy: policy(.valueEntity)
    ) {
      try SpecFixture.spec(
        [SpecFixture.file { $0.service[0].method[1].serverStreaming = true }],
        entities: [SpecFixture.entity(type: "cloudstate.valueentity.ValueEntity")])
    },
    Mistake(
      row: "12 CRDT, streamed in",
      text: "CRDT entities do not support streaming in from the client, but shop.Cart has the "
        + "following streamed methods: Add", policy: policy(.crdt)
    ) {
      try SpecFixture.spec(
        [
          SpecFixture.file {
            $0.service[0].method[0].clientStreaming = true
            $0.service[0].method[1].serverStreaming = true
          }
        ], entities: [SpecFixture.entity(type: "cloudstate.crdt.Crdt")])
    },
    Mistake(
      row: "13 CRDT, no key",
      text: "CRDT entities do not support methods whose parameters do not have at least one field "
        + "marked as entity_key, but shop.Cart has the following methods without keys: Add,Get",
      policy: policy(.crdt)
    ) {
      try SpecFixture.spec(
        [SpecFixture.file { $0.messageType[0].field[0].clearOptions() }],
        entities: [SpecFixture.entity(type: "cloudstate.crdt.Crdt")])
    },
    Mistake(
      row: "service twice", text: "Service [shop.Cart] was reported more than once"
    ) {
      try SpecFixture.spec(
        entities: [SpecFixture.entity(), SpecFixture.entity(persistenceID: "other")])
    },
    Mistake(
      row: "equal persistence ids",
      text:
        "Services [shop.Cart] and [shop.Other] have declared the same persistence_id [cart], so "
        + "their states would overwrite each other; give each its own"
    ) {
      try SpecFixture.spec(
        [SpecFixture.file(), SpecFixture.file(name: "other.proto", service: "Other")],
        entities: [SpecFixture.entity(), SpecFixture.entity("shop.Other")])
    },
    Mistake(
      row: "empty persistence id",
      text: "Service [shop.Cart] has declared an empty persistence_id; state cannot be stored "
        + "without one"
    ) { try SpecFixture.spec(entities: [SpecFixture.entity(persistenceID: "")]) },
    Mistake(
      row: "illegal key type",
      text: "Method [Add] of service [shop.Cart] has an unusable entity_key: field user of message "
        + "shop.CartRequest has the type bytes, which has no stable text; use a string, an integer, "
        + "a bool or an enum"
    ) { try SpecFixture.spec([SpecFixture.file { $0.messageType[0].field[0].type = .bytes }]) },
    Mistake(
      row: "repeated key",
      text: "Method [Add] of service [shop.Cart] has an unusable entity_key: field user of message "
        + "shop.CartRequest has the type repeated string, which has no stable text; use a string, "
        + "an integer, a bool or an enum"
    ) { try SpecFixture.spec([SpecFixture.file { $0.messageType[0].field[0].label = .repeated }]) },
  ]

  private static func policy(_ kind: EntityKind) -> DiscoveryPolicy {
    var policy = DiscoveryPolicy()
    policy.supportedKinds = [kind]
    return policy
  }

  private static func storeless() -> DiscoveryPolicy {
    var policy = DiscoveryPolicy()
    policy.hasStore = false
    return policy
  }

  @Test("a mistake is reported with its text", arguments: mistakes)
  func mistake(_ mistake: Mistake) throws {
    let spec = try mistake.spec()
    let error = #expect(throws: DiscoveryError.self) {
      try ServiceSpec.validate(spec, policy: mistake.policy)
    }
    #expect(error?.message == mistake.text)
  }

  @Test(
    "versions are accepted as the policy says",
    arguments: [
      (.compatible, [(0, 0), (0, 1), (0, 2)], [(0, 3), (1, 0), (1, 2), (0, -1)]),
      (.strict, [(0, 2)], [(0, 0), (0, 1), (0, 3), (1, 2)]),
      (.any, [(0, 0), (7, 9)], []),
    ] as [(DiscoveryPolicy.VersionCheck, [(Int32, Int32)], [(Int32, Int32)])])
  func versions(
    check: DiscoveryPolicy.VersionCheck, accepted: [(Int32, Int32)], refused: [(Int32, Int32)]
  ) throws {
    var policy = DiscoveryPolicy()
    policy.versionCheck = check
    for (version, isAccepted) in accepted.map({ ($0, true) }) + refused.map({ ($0, false) }) {
      var spec = try SpecFixture.spec()
      spec.serviceInfo.protocolMajorVersion = version.0
      spec.serviceInfo.protocolMinorVersion = version.1
      let served = try? ServiceSpec.validate(spec, policy: policy)
      #expect((served != nil) == isAccepted, "\(version)")
    }
  }

  @Test("a function that says nothing about itself counts as 0.0")
  func noServiceInfo() throws {
    var spec = try SpecFixture.spec()
    spec.clearServiceInfo()
    _ = try ServiceSpec.validate(spec, policy: DiscoveryPolicy())
    var strict = DiscoveryPolicy()
    strict.versionCheck = .strict
    let error = #expect(throws: DiscoveryError.self) {
      try ServiceSpec.validate(spec, policy: strict)
    }
    #expect(error?.message == "Incompatible protocol version 0.0, only 0.2 is supported")
  }
}
