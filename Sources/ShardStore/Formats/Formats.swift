// The stored formats (design section 5.4), version 3. All numbers are big-endian.
//
// Invariants
//
// 1. A key in a shard's families (journal, snapshots, stream, idempotency, groups) begins with the
//    shard's prefix, so that a shard is one key range in each of them.
// 2. Keys sort as what they stand for: texts by their UTF-8 bytes, numbers by value.
// 3. Decoding is the exact inverse of encoding: bytes that no encoder writes are refused, never
//    guessed at. A text that is not UTF-8, a byte too many or too few: all refused.
// 4. Every value is an envelope: format version (1 byte), CRC32C (4 bytes), fields. The checksum
//    covers the key, the version and the fields, so a value that turns up under another key is refused
//    too. The envelope itself never changes with versions.
// 5. Records of a shard agree with each other: positions run from 1 without a gap; the stream record
//    at a position points to exactly the journal records written in the same batch; times of a shard
//    never go back; the sequences of an entity run from 1 without a gap. So do the numbers of a
//    replicated entity's deltas; its bucket is the one its names hash to.
// 6. Nothing is ever deleted because it is unreadable.
// 7. A consumer's position is never ahead of what it has done: it is written after the call, so after a
//    crash some events are handed over again and none is left out.
//
// Versions. 2 added the families groups and crdt; a database of version 1 gets them, and the new version,
// when it is opened. 3 added flags and idempotency key to stream records, so that a batch can be read back
// as it was committed and sent to another copy of its shard. Records from before stay as they are: they end
// behind the event count. What they do not say is taken from the snapshot that is stored: it belongs to the
// batch whose last sequence it has. An idempotency record of such a batch is not sent.
//
// Keys. `text` is the escaped form below, `+` joins.
//
//   shard prefix     text(service) + u32 shard index
//   journal          shard prefix + text(persistence id) + text(entity id) + u64 sequence
//   snapshots        shard prefix + text(persistence id) + text(entity id)
//   stream           shard prefix + u64 position
//   idempotency      shard prefix + 01 + text(persistence id) + text(entity id) + text(key)
//   its time index   shard prefix + 02 + i64 bucket start + text(persistence id) + text(entity id)
//                    + text(key)
//   groups           shard prefix + text(service name) + text(group) + text(event log)
//   crdt             u32 bucket + text(persistence id) + text(entity id) + u64 number (0: the whole copy,
//                    else a delta merged into it since)
//   meta             01                      version of the database's formats
//                    02 + shard prefix       highest epoch seen
//                    03 + text(name)         document of the node
//
// An escaped text is its UTF-8 bytes with 00 written as 00 ff, closed by 00 01: no escaped text is a
// prefix of another, and the order of texts is kept. An i64 in a key has its sign bit inverted, so
// negative times sort first.
//
// Fields of values. `bytes(x)` is a u32 count and the bytes.
//
//   journal          i64 time, bytes(type URL), payload to the end
//   snapshots        i64 sequence, bytes(type URL), payload to the end; of a value entity the value
//                    itself, with an empty type URL once it was deleted
//   stream           u64 epoch, i64 time, bytes(persistence id), bytes(entity id), i64 first sequence,
//                    u32 event count (0: the batch held no event), u8 flags (1: the last event is the
//                    snapshot as well, as with every change of a value entity; 2: the batch held an
//                    idempotency record), with flag 2 bytes(idempotency key)
//   idempotency      i64 time, u64 position, u64 command fingerprint, answer to the end
//   its time index   i64 time of the record it was written with
//   groups           u64 position up to which all is done, u32 events done of the batch behind it
//   crdt             a replicated value or delta to the end; its format belongs to ReplicatedData
//   meta             u32 version | u64 epoch | document to the end
//
// A batch on its way to another copy of its shard is sealed like a record, under the bytes `delta` and the
// shard prefix in the place of a key; see `ShardDelta+Coding.swift`.

/// Constants of the stored formats.
package enum StoredFormat {
  /// Version of the database as a whole: which families and records there are. A database with a
  /// higher one is refused.
  package static let databaseVersion: UInt32 = 3
  /// Version byte of every record.
  package static let recordVersion: UInt8 = 1
}

/// Why stored bytes are not what an encoder writes.
package enum FormatError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Fewer bytes than an envelope, a field or a key needs.
  case truncated
  /// Some bit of key, version or fields is not what was written.
  case checksumMismatch
  /// The checksum is right but a newer version wrote the record.
  case unknownVersion(UInt8)
  /// The checksum is right and the fields make no sense.
  case malformed(String)

  package var description: String {
    switch self {
    case .truncated: "it is cut short"
    case .checksumMismatch: "its checksum does not match"
    case .unknownVersion(let version):
      "it has format version \(version), and this software knows up to \(StoredFormat.recordVersion)"
    case .malformed(let what): "it has \(what)"
    }
  }
}

/// The column families of a store.
package enum StoreFamily: String, CaseIterable, Sendable {
  case journal, snapshots, stream, idempotency, groups, meta, crdt

  /// Those in which a shard is a range of keys.
  package static let ofShards: [StoreFamily] = [
    .journal, .snapshots, .stream, .idempotency, .groups,
  ]
}
