import CRocksDB

/// What RocksDB answered instead of doing what it was asked.
package struct RocksDBError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kinds a caller can act on; RocksDB's C interface tells them apart only by its text.
  package enum Kind: String, Sendable {
    /// A file does not match its checksum or its format.
    case corruption
    /// Another database object, here or in another process, has the folder open.
    case lockHeld
    /// The file system refused: full, read-only, missing permission, failing disk.
    case inputOutput
    /// The options or arguments do not fit this database.
    case invalidArgument
    /// The folder has ``DatabaseInspection/unfinishedMark``.
    case unfinished
    case other
  }

  /// What to switch on.
  package let kind: Kind
  /// RocksDB's own text, such as `IO error: No space left on device: ...`.
  package let message: String

  /// Makes an error of a kind; the wrapper itself reads the kind from RocksDB's text.
  package init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  /// Sorts a status text of RocksDB 7.8 (`Status::ToString`) into a kind.
  init(status: String) {
    // A lock that is held reads differently inside one process and between two (env/fs_posix.cc);
    // a lock file that cannot be created is an ordinary input/output error.
    let isLock =
      status.contains("lock hold by current process") || status.contains("While lock file")
    let kind: Kind =
      if isLock {
        .lockHeld
      } else if status.hasPrefix("Corruption") {
        .corruption
      } else if status.hasPrefix("IO error") {
        .inputOutput
      } else if status.hasPrefix("Invalid argument") {
        .invalidArgument
      } else {
        .other
      }
    self.init(kind, status)
  }

  package var description: String { message }
}

/// Runs one C call that reports through an error pointer and throws what it reports.
func checked<Answer>(
  _ call: (_ failure: inout UnsafeMutablePointer<CChar>?) -> Answer
) throws(RocksDBError) -> Answer {
  var failure: UnsafeMutablePointer<CChar>?
  let answer = call(&failure)
  if let failure {
    let status = String(cString: failure)
    rocksdb_free(failure)
    throw RocksDBError(status: status)
  }
  return answer
}

extension Array<UInt8> {
  /// Lends the bytes as C sees them; the pointer is valid only during `body`.
  func withCharacters<Answer>(_ body: (UnsafePointer<CChar>?, Int) -> Answer) -> Answer {
    withUnsafeBytes { bytes in
      body(bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
    }
  }

  /// Copies bytes out of memory that is lent only for a while.
  package init(copying bytes: Span<UInt8>) {
    self = bytes.withUnsafeBufferPointer { Array($0) }
  }
}

/// Makes a span of memory that C lends during `body`.
func withSpan<Answer, Failure: Error>(
  _ start: UnsafePointer<CChar>?, count: Int, _ body: (Span<UInt8>) throws(Failure) -> Answer
) throws(Failure) -> Answer {
  let raw = UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : count)
  let bytes = raw.assumingMemoryBound(to: UInt8.self)
  return try body(Span(_unsafeElements: bytes))
}
