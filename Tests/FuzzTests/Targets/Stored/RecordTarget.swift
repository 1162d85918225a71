import CloudstateModel
import RocksDB
import ShardStore

extension FuzzTarget {
  /// A stored record, or a delta on its way to another copy: a byte that chooses its kind and whether its checksum is put right, the length of the
  /// key, the key, the value.
  static let records = FuzzTarget("records") { input in
    var input = input
    let choice = input.byte()
    let key = input.bytes(Int(input.byte()))
    let value = input.rest()
    for family in StoreFamily.allCases {
      guard let read = try? StoreKey.decode(key.span, in: family) else { continue }
      try demandEqual(read.bytes, key, "the key \(read)")
      try demandEqual(read.family, family, "the family of \(read)")
    }
    let stored = choice & 0x80 == 0 ? value : sealed(value, under: key)
    switch choice & 0x0f {
    case 0: try check(JournalRecord.self, stored, key)
    case 1: try check(StoredSnapshot.self, stored, key)
    case 2: try check(StreamRecord.self, stored, key)
    case 3: try check(KeptAnswer.self, stored, key)
    case 4: try check(IndexedTime.self, stored, key)
    case 5: try check(EpochRecord.self, stored, key)
    case 6: try check(ConsumerPosition.self, stored, key)
    case 7: try check(DatabaseVersionRecord.self, stored, key)
    case 8: try check(ReplicaRecord.self, stored, key)
    case 9: try check(ShardDelta.self, stored, key)
    default: try check(DocumentRecord.self, stored, key)
    }
  }

  /// Decoding is the exact inverse of encoding.
  private static func check<Record: StoredRecord>(
    _ type: Record.Type, _ stored: [UInt8], _ key: [UInt8]
  ) throws {
    guard let record = try? Record.open(stored.span, under: key) else { return }
    try demandEqual(record.sealed(under: key), stored, "the stored form of a record")
  }

  /// The value with the checksum of its fields, as if a broken program had written it.
  private static func sealed(_ value: [UInt8], under key: [UInt8]) -> [UInt8] {
    guard let version = value.first else { return value }
    let fields = Array(value.dropFirst(5))
    var checksum = CRC32C()
    checksum.update(key)
    checksum.update([version])
    checksum.update(fields)
    var bytes = [version]
    bytes.appendNumber(checksum.value)
    return bytes + fields
  }
}
