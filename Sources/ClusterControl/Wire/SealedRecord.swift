import RocksDB

/// The envelope of every document this module stores.
///
/// Layout: 4 bytes CRC-32C, little-endian; 1 byte format version; the content. The checksum covers
/// the document's name, the version and the content, so that a record that was changed, cut, or put
/// in another's place is found out. Place and meaning of the first five bytes never change.
enum SealedRecord {
  static let formatVersion: UInt8 = 1

  private static let headerLength = 5

  static func seal(_ content: [UInt8], name: String) -> [UInt8] {
    let checksum = checksum(name: name, version: formatVersion, content: content)
    var record: [UInt8] = []
    record.reserveCapacity(headerLength + content.count)
    for shift in stride(from: UInt32(0), to: 32, by: 8) {
      record.append(UInt8(truncatingIfNeeded: checksum >> shift))
    }
    record.append(formatVersion)
    record += content
    return record
  }

  /// The content of a record.
  ///
  /// - Throws: ``ClusterError`` with `.corruptRecord`, or `.unknownFormatVersion` if the record is
  ///   sound but newer than this software.
  static func open(_ record: [UInt8], name: String) throws(ClusterError) -> [UInt8] {
    guard record.count >= headerLength else {
      throw ClusterError(.corruptRecord, "record \(name) is cut off: \(record.count) bytes")
    }
    let stored = (0..<4).reduce(UInt32(0)) { $0 | UInt32(record[$1]) << (8 * UInt32($1)) }
    let version = record[4]
    let content = Array(record[headerLength...])
    guard stored == checksum(name: name, version: version, content: content) else {
      throw ClusterError(.corruptRecord, "record \(name) does not match its checksum")
    }
    guard version <= formatVersion else {
      throw ClusterError(
        .unknownFormatVersion,
        "record \(name) has format \(version), this software knows up to \(formatVersion); use the "
          + "software that wrote it")
    }
    return content
  }

  private static func checksum(name: String, version: UInt8, content: [UInt8]) -> UInt32 {
    var checksum = CRC32C()
    checksum.update(Array(name.utf8))
    checksum.update([0, version])
    checksum.update(content)
    return checksum.value
  }
}
