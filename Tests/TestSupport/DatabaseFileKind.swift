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

/// Where the records of a file in RocksDB's log format end: a checksum of four bytes, a length of two and a
/// type, then the content, in blocks of 32 kB. For files of one block.
package func recordEnds(in bytes: [UInt8]) -> [Int] {
  var (ends, offset) = ([Int](), 0)
  while offset + 7 <= bytes.count {
    offset += 7 + Int(bytes[offset + 4]) + Int(bytes[offset + 5]) << 8
    ends.append(offset)
  }
  return ends
}
