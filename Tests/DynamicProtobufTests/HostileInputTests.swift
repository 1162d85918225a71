import CloudstateProtocol
import DynamicProtobuf
import SwiftProtobuf
import TestSupport
import Testing

/// Random damage: nothing may crash, and what is accepted must be right.
@Suite("Hostile input")
struct HostileInputTests {
  private let known: DescriptorPool

  init() throws {
    known = try DescriptorPool(fileDescriptorSet: WellKnownDescriptors.fileDescriptorSet)
  }

  private static func command() throws -> [UInt8] {
    try Cloudstate_Command.with {
      $0.entityID = "entity"
      $0.id = 300
      $0.name = "Do"
      $0.payload = .with {
        $0.typeURL = "type.googleapis.com/cloudstate.Entity"
        $0.value.append(contentsOf: [0x12, 2, 0x61, 0x62])
      }
      $0.streamed = true
    }.bytes()
  }

  @Test("keys of damaged messages: as swift-protobuf reads them, or refused")
  func keys() throws {
    var random = SeededGenerator(seed: testSeed("damaged keys"))
    let extractor = try known.keyExtractor(
      message: "cloudstate.Command", fieldNumbers: [1, 2, 5])
    let original = try Self.command()
    var accepted = 0
    for _ in 0..<80_000 {
      let damaged = damage(original, &random)
      let expected = try? Cloudstate_Command(serializedBytes: damaged)
      let key = damaged.withUnsafeBytes { try? extractor.key(of: $0) }
      if let expected {
        accepted += 1
        #expect(key == "\(expected.entityID)-\(expected.id)-\(expected.streamed)", "\(damaged)")
      }
    }
    #expect(accepted > 1000)
  }

  @Test("damaged messages printed as JSON can be read again, or are refused")
  func binaries() throws {
    var random = SeededGenerator(seed: testSeed("damaged messages"))
    let original = try Self.command()
    var accepted = 0
    for _ in 0..<10_000 {
      let damaged = damage(original, &random)
      guard
        let json = try? known.json(
          fromBinary: damaged, message: "cloudstate.Command", printDefaults: false)
      else { continue }
      accepted += 1
      #expect(throws: Never.self) {
        try known.binary(fromJSON: json, message: "cloudstate.Command")
      }
    }
    #expect(accepted > 500)
  }

  @Test("damaged JSON is refused or means a message")
  func texts() throws {
    var random = SeededGenerator(seed: testSeed("damaged JSON"))
    let original = Array(
      """
      {"entityId":"a\\u00e4","id":"12","payload":{"@type":"type.googleapis.com/\
      google.protobuf.Timestamp","value":"2021-02-03T04:05:06Z"},"streamed":true,\
      "metadata":{"entries":[{"key":"k","bytesValue":"AAEC"},{"key":"x","stringValue":"y"}]}}
      """.utf8)
    var accepted = 0
    for _ in 0..<10_000 {
      let damaged = String(decoding: damage(original, &random), as: UTF8.self)
      guard let binary = try? known.binary(fromJSON: damaged, message: "cloudstate.Command") else {
        continue
      }
      accepted += 1
      #expect(throws: Never.self) { try Cloudstate_Command(serializedBytes: binary) }
    }
    #expect(accepted > 100)
  }

  @Test("damaged descriptor sets are refused or can be used throughout")
  func descriptors() throws {
    var random = SeededGenerator(seed: testSeed("damaged descriptors"))
    let original = try Self.descriptorSet()
    exercise(try DescriptorPool(fileDescriptorSet: original), &random)
    var accepted = 0
    for _ in 0..<6_000 {
      // Most damage to a descriptor is found; the less of it, the more gets through.
      let damaged = damage(original, changes: 1, &random)
      guard let pool = try? DescriptorPool(fileDescriptorSet: damaged) else { continue }
      accepted += 1
      exercise(pool, &random)
    }
    #expect(accepted > 200)
  }

  /// Small, so that damage hits something that matters.
  private static func descriptorSet() throws -> [UInt8] {
    var key = makeField("key", 1)
    key.options.Cloudstate_entityKey = true
    var entry = makeMessage("EEntry", makeField("key", 1), makeField("value", 2, .int32))
    entry.options.mapEntry = true
    var message = makeMessage(
      "M", key, makeField("r", 2, .int64, repeated: true),
      makeField("m", 3, .message, typeName: ".test.M"),
      makeField("e", 4, .message, typeName: ".test.M.EEntry", repeated: true),
      makeField("c", 5, .enum, typeName: ".test.C"), makeField("o", 6, .double))
    message.nestedType = [entry]
    message.oneofDecl = [.with { $0.name = "choice" }]
    message.field[5].oneofIndex = 0
    var file = makeFile(
      "a.proto", imports: ["b.proto"], messages: [message],
      services: [makeService("S", ("Do", ".test.M", ".test.B"))])
    file.enumType = [
      .with {
        $0.name = "C"
        $0.value = [.with { $0.name = "ZERO" }]
      }
    ]
    var base = makeFile("b.proto", messages: [makeMessage("B", makeField("b", 1, .bytes))])
    base.syntax = "proto2"
    base.messageType[0].extensionRange = [
      .with {
        $0.start = 10
        $0.end = 20
      }
    ]
    var added = makeField("added", 10, .float)
    added.extendee = ".test.B"
    base.extension = [added]
    return try makeSet(file, base)
  }

  private func exercise(_ pool: DescriptorPool, _ random: inout SeededGenerator) {
    for name in pool.serviceNames {
      for method in pool.service(named: name)?.methods ?? [] {
        use(method.inputType, of: pool, &random)
        use(method.outputType, of: pool, &random)
      }
    }
    use("test.M", of: pool, &random)
    _ = pool.fileName(containingSymbol: "test.S.Do")
    _ = pool.extensionNumbers(of: "test.B")
  }

  private func use(_ name: String, of pool: DescriptorPool, _ random: inout SeededGenerator) {
    guard let message = pool.message(named: name) else { return }
    for field in message.fields { _ = field.boolOption(1080) }
    let extractor = try? pool.keyExtractor(
      message: name, fieldNumbers: message.fields.prefix(1).map(\.number))
    let bytes: [UInt8] = damage([10, 1, 0x61, 0x10, 1, 0x1a, 2, 8, 1, 0x28, 3], &random)
    _ = bytes.withUnsafeBytes { try? extractor?.key(of: $0) }
    guard let json = try? pool.json(fromBinary: bytes, message: name, printDefaults: true) else {
      return
    }
    _ = try? pool.binary(fromJSON: json, message: name)
  }
}

/// Some changes: a byte replaced, removed, inserted or doubled as a run, or the end cut off.
private func damage(
  _ bytes: [UInt8], changes: Int = 4, _ random: inout SeededGenerator
) -> [UInt8] {
  var result = bytes
  for _ in 0..<Int.random(in: 1...changes, using: &random) where !result.isEmpty {
    let index = Int.random(in: 0..<result.count, using: &random)
    switch Int.random(in: 0..<6, using: &random) {
    case 0: result[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case 1: result[index] = UInt8.random(in: 0...255, using: &random)
    case 2: result.remove(at: index)
    case 3: result.insert(UInt8.random(in: 0...255, using: &random), at: index)
    case 4:
      let end = min(result.count, index + Int.random(in: 1...16, using: &random))
      result.insert(contentsOf: result[index..<end], at: index)
    default:
      if Bool.random(using: &random) { result.removeLast(result.count - index) }
    }
  }
  return result
}
