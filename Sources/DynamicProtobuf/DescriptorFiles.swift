/// One `google.protobuf.FileDescriptorProto`: its bytes, and of its content only what orders files.
struct DescriptorFile {
  let name: String
  /// In the order of their declaration.
  let imports: [String]
  let bytes: [UInt8]

  /// Reads name and imports; the rest is checked when a pool is built.
  init(_ bytes: [UInt8]) throws(DescriptorError) {
    var name = ""
    var imports: [String] = []
    do {
      try bytes.withUnsafeBytes { buffer in
        var scanner = WireScanner(buffer)
        while let field = try scanner.next() {
          guard case .bytes(let range) = field.value, field.number == 1 || field.number == 3 else {
            continue
          }
          guard let text = String(validating: buffer[range], as: UTF8.self) else {
            throw MalformedWire()
          }
          if field.number == 1 { name = text } else { imports.append(text) }
        }
      }
    } catch {
      throw DescriptorError(.unparseable, "a file of the descriptor set cannot be parsed")
    }
    self.name = name
    self.imports = imports
    self.bytes = bytes
  }

  /// The files of a serialized `google.protobuf.FileDescriptorSet`.
  static func split(fileDescriptorSet: [UInt8]) throws(DescriptorError) -> [DescriptorFile] {
    var files: [[UInt8]] = []
    do {
      try fileDescriptorSet.withUnsafeBytes { buffer in
        var scanner = WireScanner(buffer)
        while let field = try scanner.next() {
          guard field.number == 1 else { continue }
          guard case .bytes(let range) = field.value else { throw MalformedWire() }
          files.append(Array(buffer[range]))
        }
      }
    } catch {
      throw DescriptorError(
        .unparseable, "the bytes are not a serialized google.protobuf.FileDescriptorSet")
    }
    var result: [DescriptorFile] = []
    for bytes in files { result.append(try DescriptorFile(bytes)) }
    return result
  }
}

/// Brings descriptor files into an order in which each stands behind its imports.
struct DescriptorFileOrder {
  /// Paths in error texts are cut here: a hostile set may have thousands of files.
  private static let longestPath = 32

  private let files: [String: DescriptorFile]
  private let spares: [String: DescriptorFile]
  private var ordered: [DescriptorFile] = []
  private var done: Set<String> = []

  /// All files, each behind its imports. Of files with the same name the last one counts. An import that
  /// is missing is taken from `spares`, whose other files are left out.
  static func order(
    _ files: [DescriptorFile], spares: [DescriptorFile]
  ) throws(DescriptorError) -> [DescriptorFile] {
    var order = DescriptorFileOrder(files, spares: spares)
    for file in files where !order.done.contains(file.name) { try order.visit(file.name) }
    return order.ordered
  }

  private init(_ files: [DescriptorFile], spares: [DescriptorFile]) {
    self.files = Dictionary(files.map { ($0.name, $0) }) { _, last in last }
    self.spares = Dictionary(spares.map { ($0.name, $0) }) { _, last in last }
  }

  private struct Step {
    let file: DescriptorFile
    var nextImport = 0
  }

  /// Depth first with an explicit stack, since depth is the sender's choice.
  private mutating func visit(_ name: String) throws(DescriptorError) {
    guard let first = files[name] else { return }
    var path = [Step(file: first)]
    var onPath: Set<String> = [first.name]
    while var step = path.popLast() {
      guard step.nextImport < step.file.imports.count else {
        ordered.append(step.file)
        done.insert(step.file.name)
        onPath.remove(step.file.name)
        continue
      }
      let wanted = step.file.imports[step.nextImport]
      step.nextImport += 1
      path.append(step)
      if done.contains(wanted) { continue }
      guard !onPath.contains(wanted) else {
        throw DescriptorError(
          .circularDependency,
          "Circular dependency detected in entity spec descriptor: [\(wanted)] -> \(text(path))")
      }
      guard let file = files[wanted] ?? spares[wanted] else {
        throw DescriptorError(
          .missingDependency,
          "Descriptor dependency [\(wanted)] not found, dependency path: \(text(path))")
      }
      path.append(Step(file: file))
      onPath.insert(wanted)
    }
  }

  /// The way back to the first file, innermost first.
  private func text(_ path: [Step]) -> String {
    let names = path.suffix(Self.longestPath).reversed().map { "[\($0.file.name)]" }
    return names.joined(separator: " -> ") + (path.count > Self.longestPath ? " -> ..." : "")
  }
}
