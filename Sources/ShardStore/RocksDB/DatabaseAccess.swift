import Dispatch
import Synchronization

/// Lends the database to readers until it ends, and waits for them then.
final class DatabaseAccess: Sendable {
  private let reader: Mutex<StoreReader?>
  private let readers = DispatchGroup()

  init(_ reader: StoreReader) { self.reader = Mutex(reader) }

  /// Runs `body` with the database, or throws `.closed`.
  func read<Answer>(
    _ body: (StoreReader) throws(StoreError) -> Answer
  ) throws(StoreError) -> Answer {
    let lent = reader.withLock { reader in
      if reader != nil { readers.enter() }
      return reader
    }
    guard let lent else { throw .closed }
    defer { readers.leave() }
    return try body(lent)
  }

  /// Answers the last reference after the last read, once.
  func end() -> StoreReader? {
    let taken = reader.withLock { reader in
      let taken = reader
      reader = nil
      return taken
    }
    readers.wait()
    return taken
  }
}
