/// Kinds of files that RocksDB keeps, by how their names begin or end.
package enum DatabaseFileKind: String, CaseIterable, Sendable {
  case log, table, manifest, current, options, identity

  package func matches(_ name: String) -> Bool {
    switch self {
    case .log: name.hasSuffix(".log")
    case .table: name.hasSuffix(".sst")
    case .manifest: name.hasPrefix("MANIFEST")
    case .current: name == "CURRENT"
    case .options: name.hasPrefix("OPTIONS")
    case .identity: name == "IDENTITY"
    }
  }
}
