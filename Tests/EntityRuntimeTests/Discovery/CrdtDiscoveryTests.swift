import CloudstateProtocol
import SwiftProtobuf
import Testing

@testable import EntityRuntime

@Suite("Discovery of replicated entities")
struct CrdtDiscoveryTests {
  private static let type = "cloudstate.crdt.Crdt"

  private func served(
    _ change: (inout SpecFixture.File) -> Void = { _ in }, files: [SpecFixture.File] = [],
    version: Int32 = 2
  ) throws -> ServedEntity {
    var spec = try SpecFixture.spec(
      [SpecFixture.file(imports: files.map(\.name), change: change)] + files,
      entities: [SpecFixture.entity(type: Self.type)])
    spec.serviceInfo.protocolMinorVersion = version
    return try #require(
      ServiceSpec.validate(spec, policy: DiscoveryPolicy()).entity(serviceName: "shop.Cart"))
  }

  @Test("they are accepted, with methods that stream to the client")
  func accepted() throws {
    let entity = try served { $0.service[0].method[1].serverStreaming = true }
    #expect(entity.kind == .crdt)
    #expect(entity.persistenceID == "cart")
    #expect(entity.methods["Get"]?.isServerStreaming == true)
    #expect(entity.methods["Add"]?.isServerStreaming == false)
  }

  @Test("one without a persistence id is refused")
  func noPersistenceID() throws {
    let spec = try SpecFixture.spec(
      entities: [SpecFixture.entity(type: Self.type, persistenceID: "")])
    #expect(throws: DiscoveryError.self) {
      try ServiceSpec.validate(spec, policy: DiscoveryPolicy())
    }
  }

  /// A library of protocol section 9.1 that offers replicated entities.
  struct Library: CustomTestStringConvertible {
    let name: String
    let option: Int32
    let minorVersion: Int32
    let dialect: CrdtDialect

    var testDescription: String { name }
  }

  static let libraries = [
    Library(name: "Java 0.6.0", option: 1080, minorVersion: 2, dialect: .current),
    Library(name: "Java 0.4.4 to 0.5.2", option: 50002, minorVersion: 0, dialect: .legacy),
    Library(name: "JavaScript 0.0.4, 0.0.5", option: 1080, minorVersion: 2, dialect: .current),
    Library(name: "JavaScript to 0.0.3", option: 50002, minorVersion: 0, dialect: .legacy),
    Library(name: "Go 0.3.0", option: 1080, minorVersion: 2, dialect: .current),
    Library(name: "Go 0.2.0 to 0.2.2", option: 50002, minorVersion: 2, dialect: .legacy),
    Library(name: ".NET", option: 50002, minorVersion: 0, dialect: .legacy),
    // Not released with replicated entities; its marking decides all the same.
    Library(name: "Python head", option: 1080, minorVersion: 0, dialect: .current),
  ]

  @Test("the dialect of every released library is found", arguments: libraries)
  func dialect(_ library: Library) throws {
    let entity = try served(
      { file in
        guard library.option == 50002 else { return }
        file.messageType[0].field[0].clearOptions()
        file.messageType[0].field[0].options.Cloudstate_legacyEntityKey = true
      }, version: library.minorVersion)
    #expect(entity.crdtDialect == library.dialect)
  }

  @Test("with both markings the function's own declaration decides, then its version")
  func bothMarkings() throws {
    func mark(_ file: inout SpecFixture.File) {
      file.messageType[0].field[1].options.Cloudstate_legacyEntityKey = true
    }
    #expect(try served(mark, version: 2).crdtDialect == .current)
    #expect(try served(mark, version: 0).crdtDialect == .legacy)
    let known = try Google_Protobuf_FileDescriptorSet(
      serializedBytes: WellKnownDescriptors.fileDescriptorSet
    ).file
    var declaration = try #require(known.first { $0.name == "cloudstate/entity_key.proto" })
    let descriptor = try #require(known.first { $0.name == "google/protobuf/descriptor.proto" })
    #expect(try served(mark, files: [declaration, descriptor], version: 0).crdtDialect == .current)
    declaration.extension[0].number = 50002
    #expect(try served(mark, files: [declaration, descriptor], version: 2).crdtDialect == .legacy)
  }

  @Test("the rule by itself")
  func rule() {
    func choose(_ options: Set<Int32>, _ declared: Int32?, _ isCurrent: Bool) -> CrdtDialect {
      CrdtDialect(options: options, declared: declared, reportsCurrentVersion: isCurrent)
    }
    for isCurrent in [true, false] {
      for declared in [nil, 1080, 50002] as [Int32?] {
        #expect(choose([1080], declared, isCurrent) == .current)
        #expect(choose([50002], declared, isCurrent) == .legacy)
      }
      for options in [[], [1080, 50002]] as [Set<Int32>] {
        #expect(choose(options, 1080, isCurrent) == .current)
        #expect(choose(options, 50002, isCurrent) == .legacy)
        #expect(choose(options, nil, isCurrent) == (isCurrent ? .current : .legacy))
        #expect(choose(options, 7, isCurrent) == (isCurrent ? .current : .legacy))
      }
    }
  }

  @Test("other kinds have no dialect")
  func otherKinds() throws {
    let spec = try ServiceSpec.validate(SpecFixture.spec(), policy: DiscoveryPolicy())
    #expect(spec.entities.first?.crdtDialect == nil)
  }
}
