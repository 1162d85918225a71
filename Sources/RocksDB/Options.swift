/// How a database is opened. The defaults are those of a small, quiet database.
package struct DatabaseOptions: Sendable {
  /// What opening does with a write-ahead log that does not end cleanly (`WALRecoveryMode`).
  package enum Recovery: Sendable {
    /// An incomplete record at the end of a log is dropped; damage anywhere else refuses to open.
    case tolerateIncompleteTail
    /// Any damage, also an incomplete record at the end, refuses to open.
    case absoluteConsistency
    /// Replay stops silently at the first damage.
    case pointInTime
  }

  /// Whether opening creates a missing database and missing column families.
  package var createIfMissing = true
  /// What opening does with damage in a log.
  package var recovery = Recovery.tolerateIncompleteTail
  /// Memory of all column families' write buffers together before one is flushed, in bytes.
  package var totalWriteBufferBytes = 16 << 20
  /// Size of the live write-ahead logs at which old write buffers are flushed, in bytes.
  package var maximumLogBytes: UInt64 = 32 << 20
  /// Memory for uncompressed blocks of files, shared by all column families, in bytes.
  package var blockCacheBytes = 8 << 20
  /// Files kept open at the same time; more are opened and closed as needed.
  package var maximumOpenFiles: Int32 = 256
  /// Threads for flushes and compactions together.
  package var backgroundJobs: Int32 = 2

  package init() {}
}

/// One column family of a database.
package struct ColumnFamilyOptions: Sendable {
  /// Unique within the database.
  package var name: String
  /// Memory of one write buffer before it is flushed, in bytes.
  package var writeBufferBytes: Int
  /// Bits per key of the bloom filter that answers misses of point reads; 0 for none.
  package var bloomBitsPerKey: Double

  package init(name: String, writeBufferBytes: Int = 4 << 20, bloomBitsPerKey: Double = 10) {
    self.name = name
    self.writeBufferBytes = writeBufferBytes
    self.bloomBitsPerKey = bloomBitsPerKey
  }
}
