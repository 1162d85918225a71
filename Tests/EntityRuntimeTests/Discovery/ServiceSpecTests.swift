import CloudstateProtocol
import DynamicProtobuf
import SwiftProtobuf
import Testing

@testable import EntityRuntime

@Suite("Validated specifications")
struct ServiceSpecTests {
  private func validate(_ spec: Cloudstate_EntitySpec) throws -> ServiceSpec {
    try ServiceSpec.validate(spec, policy: DiscoveryPolicy())
  }

  @Test("entities and methods are found, keys are read from requests")
  func lookups() throws {
    let spec = try validate(SpecFixture.spec())
    let entity = try #require(spec.entity(serviceName: "shop.Cart"))
    #expect(entity.kind == .eventSourced)
    #expect(entity.persistenceID == "cart")
    #expect(entity.passivationTimeout == nil)
    #expect(spec.entity(serviceName: "shop.CartRequest") == nil)
    let method = try #require(spec.method(path: "/shop.Cart/Add"))
    #expect(method.name == "Add")
    #expect(method.inputTypeURL == "type.googleapis.com/shop.CartRequest")
    #expect(method.outputTypeURL == "type.googleapis.com/shop.CartReply")
    #expect(entity.methods.keys.sorted() == ["Add", "Get"])
    #expect(spec.method(path: "shop.Cart/Add") == nil)
    let request: [UInt8] = [0x0a, 2, 0x75, 0x31, 0x12, 1, 0x69]
    let key = try request.withUnsafeBytes { try method.keyExtractor?.key(of: $0) }
    #expect(key == "u1")
  }

  @Test("both numbers of entity_key mark key fields, in the order of declaration")
  func bothKeyOptions() throws {
    let file = SpecFixture.file { file in
      file.messageType[0].field[1].options.Cloudstate_legacyEntityKey = true
      file.messageType[0].field.reverse()
    }
    let method = try #require(
      validate(SpecFixture.spec([file])).method(path: "/shop.Cart/Get"))
    #expect(method.keyFieldNumbers == [2, 1])
    let request: [UInt8] = [0x0a, 1, 0x75, 0x12, 1, 0x69]
    #expect(try request.withUnsafeBytes { try method.keyExtractor?.key(of: $0) } == "i-u")
  }

  @Test("a key option that is false marks nothing")
  func falseOption() throws {
    let file = SpecFixture.file { $0.messageType[0].field[1].options.Cloudstate_entityKey = false }
    let method = try #require(
      validate(SpecFixture.spec([file])).method(path: "/shop.Cart/Get"))
    #expect(method.keyFieldNumbers == [1])
  }

  @Test(
    "the passivation timeout is taken over in milliseconds, within limits",
    arguments: [
      (1500, .milliseconds(1500)), (0, nil), (-5, nil),
      (Int64.max, ServedEntity.maximumPassivationTimeout),
    ] as [(Int64, Duration?)])
  func passivation(milliseconds: Int64, expected: Duration?) throws {
    var entity = SpecFixture.entity()
    entity.passivationStrategy.timeout.timeout = milliseconds
    let spec = try validate(SpecFixture.spec(entities: [entity]))
    #expect(spec.entities.first?.passivationTimeout == expected)
  }

  /// What Python support 0.1.1 answers: a version of 0.0, files twice, a fixed list of well-known files
  /// without what those import, and the old number of the key option.
  @Test("the answer of Python support 0.1.1 is served")
  func python() throws {
    let known = try Google_Protobuf_FileDescriptorSet(
      serializedBytes: WellKnownDescriptors.fileDescriptorSet
    ).file
    func wellKnown(_ name: String) throws -> SpecFixture.File {
      try #require(known.first { $0.name == name })
    }
    var oldKey = try wellKnown("cloudstate/entity_key.proto")
    oldKey.extension[0].number = 50002
    let cart = SpecFixture.file(
      imports: [
        "google/protobuf/empty.proto", "cloudstate/entity_key.proto",
        "google/api/annotations.proto", "google/api/httpbody.proto",
      ]
    ) { file in
      file.messageType[0].field[0].clearOptions()
      file.messageType[0].field[0].options.Cloudstate_legacyEntityKey = true
    }
    var spec = try SpecFixture.spec([
      cart, cart, try wellKnown("google/protobuf/empty.proto"), oldKey, oldKey,
      try wellKnown("google/protobuf/descriptor.proto"),
      try wellKnown("google/api/annotations.proto"), try wellKnown("google/api/http.proto"),
    ])
    spec.serviceInfo = .with {
      $0.supportLibraryName = "cloudstate-python-support"
      $0.supportLibraryVersion = "0.1.0"
    }
    let served = try validate(spec)
    #expect(served.method(path: "/shop.Cart/Add")?.keyFieldNumbers == [1])
    // Neither httpbody.proto nor the any.proto that it imports was in the set.
    #expect(served.pool.message(named: "google.api.HttpBody") != nil)
    #expect(StreamCapTable.maximumStreams(of: served.info) == 8)
  }

  @Test("libraries without a known limit have none")
  func noStreamLimit() {
    for name in ["", "cloudstate", "cloudstate-go-support", "cloudstate-java-support"] {
      #expect(StreamCapTable.maximumStreams(of: .with { $0.supportLibraryName = name }) == nil)
    }
  }

  @Test("the proxy announces protocol 0.2 and only what it serves")
  func announcement() {
    var policy = DiscoveryPolicy()
    let info = ProxyAnnouncement.message(policy: policy)
    #expect(info.protocolMajorVersion == 0)
    #expect(info.protocolMinorVersion == 2)
    #expect(
      info.supportedEntityTypes == [
        "cloudstate.action.ActionProtocol", "cloudstate.crdt.Crdt",
        "cloudstate.valueentity.ValueEntity", "cloudstate.eventsourced.EventSourced",
      ])
    #expect(!info.proxyName.isEmpty && !info.proxyVersion.isEmpty)
    policy.supportedKinds = [.crdt, .action, .eventSourced]
    policy.hasStore = false
    #expect(
      ProxyAnnouncement.message(policy: policy).supportedEntityTypes == [
        "cloudstate.action.ActionProtocol"
      ])
  }

  @Test("a function that comes back is compatible if it serves the same")
  func compatibility() throws {
    let spec = try validate(SpecFixture.spec())
    var newer = try SpecFixture.spec([
      SpecFixture.file { $0.messageType[1].field = [SpecFixture.field("more", 1)] }
    ])
    newer.serviceInfo.serviceVersion = "2"
    #expect(try validate(newer).isCompatible(with: spec))
    let different: [Cloudstate_EntitySpec] = [
      try SpecFixture.spec(entities: [SpecFixture.entity(persistenceID: "other")]),
      try SpecFixture.spec([SpecFixture.file { $0.service[0].method.removeLast() }]),
      try SpecFixture.spec([SpecFixture.file { $0.service[0].method[0].name = "Put" }]),
      try SpecFixture.spec([
        SpecFixture.file { $0.service[0].method[0].outputType = ".shop.CartRequest" }
      ]),
      try SpecFixture.spec([
        SpecFixture.file { $0.messageType[0].field[1].options.Cloudstate_entityKey = true }
      ]),
      try SpecFixture.spec(
        [SpecFixture.file(), SpecFixture.file(name: "b.proto", service: "Other")],
        entities: [SpecFixture.entity(), SpecFixture.entity("shop.Other", persistenceID: "o")]),
    ]
    for (index, other) in different.enumerated() {
      #expect(try !validate(other).isCompatible(with: spec), "case \(index)")
    }
  }
}
