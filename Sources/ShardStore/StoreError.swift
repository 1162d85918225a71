/// Why the store refused or could not answer.
package struct StoreError: Error, Sendable, CustomStringConvertible {
  /// What to switch on.
  package enum Code: String, Sendable {
    /// A higher epoch was seen for the shard: the writer no longer owns it.
    case staleEpoch
    /// The shard was not opened for writing.
    case shardNotOpen
    /// An earlier write or sync of the shard failed; nothing more is accepted until a restart.
    case shardStopped
    /// The batch does not follow the entity's last event: the writer's state is not the stored one,
    /// because an earlier batch was refused or someone else wrote. Reload the entity.
    case outOfSequence
    /// The disk refused the write or the sync (full, read-only, failing). Whether the batch survived
    /// is known only after a restart.
    case writeFailed
    /// The disk or the database refused the read.
    case readFailed
    /// A record does not match its checksum or its format.
    case corruptRecord
    /// The database was written by a newer version of this software.
    case unknownFormatVersion
    /// Another process has the database open.
    case inUse
    /// The folder cannot be created or opened as a database.
    case cannotOpen
    /// The batch is on this node's disk, and it is not known whether it is on those of the copies that it waited
    /// for: whether it survives shows when the shard is served again.
    case unconfirmed
    /// The queue of uncommitted batches is full; try again later.
    case overloaded
    /// The store was closed.
    case closed
  }

  /// The stable code.
  package let code: Code
  /// What happened and what to do about it, for people.
  package let message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { "\(code.rawValue): \(message)" }
}
