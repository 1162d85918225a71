import DynamicProtobuf
import SwiftProtobuf

/// What a client may see of a pool: the files of some services with all their imports, without the other
/// services that stand in them. A value.
struct ReflectionView: Sendable {
  private let hidden: Set<String>
  private let files: Set<String>

  /// - Parameters:
  ///   - services: full names of the services the client may see.
  ///   - hidden: full names of the others.
  init(of services: [String], hiding hidden: Set<String>, in pool: DescriptorPool) {
    self.hidden = hidden
    var files: Set<String> = []
    var queue = services.compactMap { pool.fileName(containingSymbol: $0) }
    while let name = queue.popLast() {
      if files.insert(name).inserted { queue += pool.imports(ofFile: name) }
    }
    self.files = files
  }

  func shows(_ file: String?) -> Bool { file.map(files.contains) ?? false }

  /// Whether a symbol is a hidden service or something in one.
  func hides(symbol: String) -> Bool {
    hidden.contains { symbol == $0 || symbol.hasPrefix($0 + ".") }
  }

  /// A serialized file without the hidden services.
  func visiblePart(of file: [UInt8]) -> [UInt8] {
    guard var descriptor = try? Google_Protobuf_FileDescriptorProto(serializedBytes: file) else {
      return []
    }
    let prefix = descriptor.package.isEmpty ? "" : descriptor.package + "."
    let count = descriptor.service.count
    descriptor.service.removeAll { hidden.contains(prefix + $0.name) }
    guard descriptor.service.count < count else { return file }
    // Places in the source would be those of other services now, and their comments stand there, too.
    descriptor.clearSourceCodeInfo()
    return (try? descriptor.serializedBytes()) ?? []
  }
}
