import CRocksDB

/// A value that stays where RocksDB has it until this goes away.
package struct PinnedValue: ~Copyable {
  private let raw: OpaquePointer
  /// Keeps the memory's owner alive.
  private let database: Database

  init(raw: OpaquePointer, database: Database) {
    self.raw = raw
    self.database = database
  }

  deinit { rocksdb_pinnableslice_destroy(raw) }

  /// Lends the bytes during `body`.
  package func withBytes<Answer, Failure: Error>(
    _ body: (Span<UInt8>) throws(Failure) -> Answer
  ) throws(Failure) -> Answer {
    var count = 0
    let start = rocksdb_pinnableslice_value(raw, &count)
    return try withSpan(start, count: count, body)
  }

  /// A copy of the bytes.
  package func copy() -> [UInt8] { withBytes { Array(copying: $0) } }
}
