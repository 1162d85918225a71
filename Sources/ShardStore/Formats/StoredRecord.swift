import RocksDB

/// The fields of one kind of record. ``seal(under:into:)`` and ``open(_:under:)`` put them into and
/// take them out of the checked envelope.
package protocol StoredRecord: Sendable {
  /// Appends the fields in stored form.
  func encodeFields(into bytes: inout [UInt8])
  /// Reads the fields at the cursor and leaves it behind them.
  static func decodeFields(
    _ bytes: Span<UInt8>, at cursor: inout ByteCursor
  ) throws(FormatError) -> Self
}

extension StoredRecord {
  /// Replaces the content of `bytes` with this record's value under `key`, keeping its memory.
  package func seal(under key: [UInt8], into bytes: inout [UInt8]) {
    bytes.removeAll(keepingCapacity: true)
    bytes.append(StoredFormat.recordVersion)
    bytes.appendNumber(UInt32(0))
    encodeFields(into: &bytes)
    let checksum = checksum(of: bytes.span, under: key)
    for index in 1...4 {
      bytes[index] = UInt8(truncatingIfNeeded: checksum >> (8 * (4 - UInt32(index))))
    }
  }

  /// This record's value under `key`.
  package func sealed(under key: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    seal(under: key, into: &bytes)
    return bytes
  }

  /// Checks a value that was found under `key` and reads its fields.
  package static func open(_ bytes: Span<UInt8>, under key: [UInt8]) throws(FormatError) -> Self {
    guard bytes.count >= envelopeBytes else { throw .truncated }
    var cursor = ByteCursor(at: 1)
    let stated: UInt32 = try cursor.number(in: bytes)
    guard checksum(of: bytes, under: key) == stated else { throw .checksumMismatch }
    guard bytes[0] == StoredFormat.recordVersion else { throw .unknownVersion(bytes[0]) }
    let record = try decodeFields(bytes, at: &cursor)
    try cursor.expectEnd(of: bytes)
    return record
  }
}

/// Version byte and checksum.
private let envelopeBytes = 5

private func checksum(of bytes: Span<UInt8>, under key: [UInt8]) -> UInt32 {
  var checksum = CRC32C()
  checksum.update(key)
  checksum.update(bytes.extracting(0..<1))
  checksum.update(bytes.extracting(envelopeBytes..<bytes.count))
  return checksum.value
}
