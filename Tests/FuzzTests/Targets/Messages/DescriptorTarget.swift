import CloudstateProtocol
import DynamicProtobuf
import Ingress
import SwiftProtobuf

extension FuzzTarget {
  /// A descriptor set as a user function sends it, used for everything descriptors are used for. The last
  /// bytes are a message, too.
  static let descriptors = FuzzTarget("descriptors") { input in
    var input = input
    let set = input.rest()
    try use(set, message: Array(set.suffix(64)))
  }

  /// The same with a set that is built from the input.
  static let descriptorPrograms = FuzzTarget("descriptor-programs") { input in
    var rest = input
    let message = Array(rest.rest().suffix(64))
    var program = DescriptorProgram(input)
    try use(program.fileDescriptorSet(), message: message)
  }

  private static let names = [
    "test.M", "test.B", "M", "", "test.M0", "test.M1", "test.M2", "test.M0.M0", "test.M0.AEntry",
    "M0", "a.b.M0", "M1",
  ]

  private static func use(_ set: [UInt8], message: [UInt8]) throws {
    guard
      let pool = try? DescriptorPool(
        fileDescriptorSet: set, supplying: WellKnownDescriptors.fileDescriptorSet)
    else { return }
    var reflection = ReflectionSession(pool: pool, services: pool.serviceNames)
    for name in pool.serviceNames.prefix(8) {
      _ = try? HTTPBindings(pool: pool, services: [name])
      _ = reflection.answer(.with { $0.fileContainingSymbol = name })
      for method in pool.service(named: name)?.methods.prefix(8) ?? [] {
        try use(method.inputType, message, pool)
        try use(method.outputType, message, pool)
      }
    }
    for name in pool.fileNames.prefix(8) {
      _ = reflection.answer(.with { $0.fileByFilename = name })
    }
    for name in names { try use(name, message, pool) }
    _ = pool.fileName(containingSymbol: "test.S.Do")
  }

  private static func use(_ name: String, _ bytes: [UInt8], _ pool: DescriptorPool) throws {
    guard let message = pool.message(named: name) else { return }
    for number in pool.extensionNumbers(of: name).prefix(8) {
      _ = pool.fileName(containingExtension: number, of: name)
    }
    for field in message.fields.prefix(16) {
      _ = field.boolOption(1080)
      guard let keys = try? pool.keyExtractor(message: name, fieldNumbers: [field.number])
      else { continue }
      _ = bytes.withUnsafeBytes { try? keys.key(of: $0) }
    }
    for binary in [[], bytes] {
      guard let canonical = try? pool.canonicalBinary(binary, message: name) else { continue }
      guard let json = try? pool.json(fromBinary: canonical, message: name, printDefaults: true)
      else { continue }
      _ = try? pool.binary(fromJSON: json, message: name)
    }
  }
}
