import CloudstateProtocol
import DynamicProtobuf
import SwiftProtobuf
import Testing

@Suite("Descriptor pools")
struct DescriptorPoolTests {
  private let wellKnown = WellKnownDescriptors.fileDescriptorSet

  @Test("files may come in any order and are kept imports first")
  func anyOrder() throws {
    let pool = try DescriptorPool(
      fileDescriptorSet: makeSet(
        makeFile("c.proto", imports: ["b.proto", "a.proto"]),
        makeFile("b.proto", imports: ["a.proto"]), makeFile("a.proto")))
    #expect(pool.fileNames == ["a.proto", "b.proto", "c.proto"])
    #expect(pool.imports(ofFile: "c.proto") == ["b.proto", "a.proto"])
    #expect(pool.imports(ofFile: "none.proto") == [])
  }

  @Test("of files with the same name the last one counts")
  func duplicates() throws {
    let last = makeFile("a.proto", messages: [makeMessage("New", makeField("x", 1))])
    let pool = try DescriptorPool(
      files: [
        makeFile("a.proto", messages: [makeMessage("Old")]).bytes(),
        makeFile("b.proto", imports: ["a.proto"]).bytes(), last.bytes(),
      ])
    #expect(pool.message(named: "test.Old") == nil)
    #expect(pool.message(named: "test.New")?.fields.map(\.name) == ["x"])
    #expect(try pool.file(named: "a.proto") == last.bytes())
  }

  @Test("missing imports are supplied with their own imports, and only those")
  func supplied() throws {
    let set = try makeSet(makeFile("a.proto", imports: ["google/api/annotations.proto"]))
    let pool = try DescriptorPool(fileDescriptorSet: set, supplying: wellKnown)
    #expect(
      pool.fileNames == [
        "google/api/http.proto", "google/protobuf/descriptor.proto",
        "google/api/annotations.proto", "a.proto",
      ])
  }

  @Test("the set's own copy of a well-known file has precedence")
  func ownCopy() throws {
    let own = makeFile(
      "cloudstate/entity_key.proto", package: "cloudstate", messages: [makeMessage("Mine")])
    let pool = try DescriptorPool(
      fileDescriptorSet: makeSet(
        makeFile("a.proto", imports: ["cloudstate/entity_key.proto"]), own),
      supplying: wellKnown)
    #expect(pool.message(named: "cloudstate.Mine") != nil)
    #expect(pool.extensionNumbers(of: "google.protobuf.FieldOptions") == [])
  }

  @Test("a cycle is named from the file that closes it outwards")
  func cycle() throws {
    let error = #expect(throws: DescriptorError.self) {
      try DescriptorPool(
        fileDescriptorSet: makeSet(
          makeFile("a.proto", imports: ["b.proto"]), makeFile("b.proto", imports: ["c.proto"]),
          makeFile("c.proto", imports: ["a.proto"])))
    }
    #expect(error?.kind == .circularDependency)
    #expect(
      error?.message == "Circular dependency detected in entity spec descriptor: "
        + "[a.proto] -> [c.proto] -> [b.proto] -> [a.proto]")
  }

  @Test("a missing import is named with the way to it, innermost first")
  func missing() throws {
    let error = #expect(throws: DescriptorError.self) {
      try DescriptorPool(
        fileDescriptorSet: makeSet(
          makeFile("a.proto", imports: ["b.proto"]), makeFile("b.proto", imports: ["gone.proto"])),
        supplying: wellKnown)
    }
    #expect(error?.kind == .missingDependency)
    #expect(
      error?.message == "Descriptor dependency [gone.proto] not found, dependency path: "
        + "[b.proto] -> [a.proto]")
  }

  @Test("a chain of ten thousand imports neither overflows the stack nor the error text")
  func longChain() throws {
    let files = try (0..<10_000).map {
      try makeFile("\($0).proto", imports: ["\($0 + 1).proto"]).bytes()
    }
    let error = #expect(throws: DescriptorError.self) { try DescriptorPool(files: files) }
    #expect(error?.kind == .missingDependency)
    #expect((error?.message.utf8.count ?? 0) < 2000)
  }

  @Test("bytes that are no descriptor set are refused", arguments: [[8], [10, 3, 1], [8, 1, 12]])
  func unparseable(bytes: [UInt8]) {
    let error = #expect(throws: DescriptorError.self) {
      try DescriptorPool(fileDescriptorSet: bytes)
    }
    #expect(error?.kind == .unparseable)
  }

  @Test("a file against the language rules is refused with its name and the symbol")
  func invalid() throws {
    let message = makeMessage("M", makeField("a", 1), makeField("b", 1))
    let error = #expect(throws: DescriptorError.self) {
      try DescriptorPool(fileDescriptorSet: makeSet(makeFile("bad.proto", messages: [message])))
    }
    #expect(error?.kind == .invalid)
    #expect(error?.message.contains("bad.proto: test.M.b: Field number 1") == true)
  }

  @Test("every kind of symbol leads to its file, a package does not")
  func symbols() throws {
    let pool = try DescriptorPool(fileDescriptorSet: wellKnown)
    for (symbol, file) in [
      ("cloudstate.Command", "entity"), ("cloudstate.Command.entity_id", "entity"),
      ("cloudstate.EntityDiscovery", "entity"), ("cloudstate.EntityDiscovery.discover", "entity"),
      ("cloudstate.ClientAction.action", "entity"), ("cloudstate.entity_key", "entity_key"),
      ("cloudstate.crdt.CrdtClock", "crdt"), ("cloudstate.crdt.REVERSE", "crdt"),
    ] {
      #expect(pool.fileName(containingSymbol: symbol) == "cloudstate/\(file).proto", "\(symbol)")
    }
    for symbol in ["cloudstate", "cloudstate.Nothing", ".cloudstate.Command", ""] {
      #expect(pool.fileName(containingSymbol: symbol) == nil, "\(symbol)")
    }
  }

  @Test("extensions are found by number")
  func extensions() throws {
    let pool = try DescriptorPool(fileDescriptorSet: wellKnown)
    let options = "google.protobuf.FieldOptions"
    #expect(pool.extensionNumbers(of: options) == [1080, 50002])
    #expect(
      pool.fileName(containingExtension: 1080, of: options) == "cloudstate/entity_key.proto")
    #expect(pool.fileName(containingExtension: 1, of: options) == nil)
    #expect(pool.extensionNumbers(of: "no.Message") == [])
    #expect(pool.fileName(containingExtension: 1080, of: "no.Message") == nil)
  }

  @Test("services are described with methods, shapes and raw options")
  func services() throws {
    let pool = try DescriptorPool(fileDescriptorSet: wellKnown)
    #expect(pool.serviceNames.contains("cloudstate.action.ActionProtocol"))
    #expect(pool.serviceNames == pool.serviceNames.sorted())
    let service = try #require(pool.service(named: "cloudstate.action.ActionProtocol"))
    #expect(service.fullName == "cloudstate.action.ActionProtocol")
    #expect(service.fileName == "cloudstate/action.proto")
    #expect(
      service.methods.map(\.name) == [
        "handleUnary", "handleStreamedIn", "handleStreamedOut", "handleStreamed",
      ])
    #expect(service.methods.map(\.isClientStreaming) == [false, true, false, true])
    #expect(service.methods.map(\.isServerStreaming) == [false, false, true, true])
    #expect(service.methods[0].fullName == "cloudstate.action.ActionProtocol.handleUnary")
    #expect(service.methods[0].inputType == "cloudstate.action.ActionCommand")
    #expect(service.methods[0].outputType == "cloudstate.action.ActionResponse")
    #expect(pool.service(named: "cloudstate.action.ActionCommand") == nil)
  }

  @Test("method options keep extensions of any number")
  func methodOptions() throws {
    var service = makeService("S", ("Do", ".test.M", ".test.M"))
    service.method[0].options.Google_Api_http = .with { $0.get = "/x" }
    let pool = try DescriptorPool(
      fileDescriptorSet: makeSet(
        makeFile("a.proto", messages: [makeMessage("M")], services: [service])))
    let options = try #require(pool.service(named: "test.S")?.methods.first?.options)
    let read = try Google_Protobuf_MethodOptions(
      serializedBytes: options, extensions: Google_Api_Annotations_Extensions)
    #expect(read.Google_Api_http.get == "/x")
  }

  @Test("an option that is a message is read by number, parts of it as one message")
  func messageOptions() throws {
    var service = makeService("S", ("Do", ".test.M", ".test.M"), ("Not", ".test.M", ".test.M"))
    // 1081 twice: {in {event_log: "x"}}, then {in {consumer_group: "g"}}.
    service.method[0].options = try Google_Protobuf_MethodOptions(
      serializedBytes: [
        0xca, 0x43, 5, 0x0a, 3, 0x1a, 1, 0x78, 0xca, 0x43, 5, 0x0a, 3, 0x0a, 1, 0x67,
      ] as [UInt8])
    let pool = try DescriptorPool(
      fileDescriptorSet: makeSet(
        makeFile("a.proto", messages: [makeMessage("M")], services: [service])))
    let methods = try #require(pool.service(named: "test.S")).methods
    let option = try #require(methods[0].messageOption(1081))
    let read = try Cloudstate_Eventing(serializedBytes: option)
    #expect(read.in.eventLog == "x")
    #expect(read.in.consumerGroup == "g")
    #expect(methods[0].messageOption(1080) == nil)
    #expect(methods[1].messageOption(1081) == nil)
  }

  @Test("boolean field options are read by number, the last value of several counts")
  func boolOptions() throws {
    var field = makeField("key", 1)
    field.options.Cloudstate_entityKey = true
    var twice = makeField("twice", 2)
    // 50002 = true, then 50002 = false, as a concatenation of two option messages would have it.
    twice.options = try Google_Protobuf_FieldOptions(
      serializedBytes: [0x90, 0xb5, 0x18, 1, 0x90, 0xb5, 0x18, 0] as [UInt8])
    let pool = try DescriptorPool(
      fileDescriptorSet: makeSet(
        makeFile("a.proto", messages: [makeMessage("M", field, twice, makeField("plain", 3))])))
    let fields = try #require(pool.message(named: "test.M")).fields
    #expect(fields.map { $0.boolOption(1080) } == [true, nil, nil])
    #expect(fields.map { $0.boolOption(50002) } == [nil, false, nil])
  }

  @Test("fields are described")
  func fields() throws {
    let pool = try DescriptorPool(fileDescriptorSet: wellKnown)
    let command = try #require(pool.message(named: "cloudstate.Command"))
    let payload = try #require(command.fields.first { $0.number == 4 })
    #expect(payload.kind == .message)
    #expect(payload.typeName == "google.protobuf.Any")
    #expect(!payload.isRepeated)
    #expect(command.fields.first?.jsonName == "entityId")
    #expect(command.fields.first?.typeName == nil)
    let fields = try #require(pool.message(named: "google.protobuf.Struct")).fields
    #expect(fields.map(\.isMap) == [true])
    #expect(fields.map(\.isRepeated) == [true])
  }

  @Test("a message that calls itself a map entry and holds itself is refused")
  func falseMapEntry() throws {
    // The library checks messages that are used so, and forgets groups.
    var message = makeMessage("M", makeField("m", 1, .group, typeName: ".test.M"))
    message.options.mapEntry = true
    var file = makeFile("m.proto", messages: [message])
    file.syntax = "proto2"
    let set = try makeSet(file)
    #expect(
      throws: DescriptorError(
        .invalid, "m.proto: test.M: is called a map entry and is none")
    ) { try DescriptorPool(fileDescriptorSet: set) }
  }
}
