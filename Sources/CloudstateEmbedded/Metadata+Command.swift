import CloudstateModel
import CloudstateSDK

extension Metadata {
  /// As a node passes it on.
  var entriesOfCommand: [CommandMetadata] {
    guard !isEmpty else { return [] }
    var entries: [CommandMetadata] = []
    forEach { key, value in
      switch value {
      case .text(let text): entries.append(CommandMetadata(key: key, value: .text(text)))
      case .bytes(let bytes): entries.append(CommandMetadata(key: key, value: .bytes(bytes)))
      }
    }
    return entries
  }

  init(_ entries: [CommandMetadata]) {
    self.init()
    for entry in entries {
      switch entry.value {
      case .text(let text): add(text, for: entry.key)
      case .bytes(let bytes): add(bytes, for: entry.key)
      }
    }
  }
}
