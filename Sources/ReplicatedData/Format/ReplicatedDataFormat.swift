/// The stored form of values, deltas and entity states, also used between nodes.
///
/// Invariants:
/// * The form is canonical: equal values have equal bytes, and bytes that are not exactly what encoding
///   writes are refused. So equal digests mean equal values, up to a collision of the hash.
/// * The first byte is the version. A reader refuses versions it does not know; any change of what follows
///   takes a new version.
/// * Reading never traps and never reserves memory by a count it has read. Every entry takes at least one byte.
///
/// Version 1. `number` is an LEB128 varint of up to 64 bits in its shortest form, `signed` a number in zig-zag
/// form, `bytes` a number and as many bytes, `text` is bytes in UTF-8. Lists are a number and as many
/// entries, strictly ascending, maps by their keys.
///
///     state    = version (1), deleted (0)              a deleted entity
///              | version (1), kind, context, store     a live one; a value or delta alone looks the same
///     kind     = 1 gcounter, 2 pncounter, 3 gset, 4 orset, 5 lwwregister, 6 flag, 7 ormap, 8 vote
///     context  = list of (replica text, list of ranges, at least one)
///     range    = number: how many numbers are missing before it, not counting the one that must be
///                missing after an earlier range; number: its length - 1
///     dot      = number: index of its replica in the context; number. The context knows every dot
///                of the store, and a dot stands at one place only
///     table(x) = list of (dot, x)
///     element  = type URL text, value bytes
///     store of a gcounter    = table(number: dot's number - first; number: amount)
///              a pncounter   = table(number: dot's number - first; signed: amount)
///              a gset, orset = list of (element, table() with at least one dot)
///              lwwregister   = table(signed: timestamp; value element)
///              a flag        = table()
///              a vote        = table(0 no or 1 yes)
///              an ormap      = list of (key element, list of slots, at least one)
///     slot     = kind, presence table(), store; with at least one dot
///
/// Ranges ascend, their numbers start at 1 and end at 2^63 - 1. Up to 32 stores lie in each other.
enum ReplicatedDataFormat {
  static let version: UInt8 = 1
  static let deletedTag: UInt8 = 0
}

extension ReplicatedValue {
  /// The value or delta in stored form.
  package func encoded() -> [UInt8] {
    var writer = ByteWriter(replicas: context.replicas)
    writer.append(byte: ReplicatedDataFormat.version)
    writer.append(byte: kind.rawValue)
    context.encode(into: &writer)
    content.encode(into: &writer)
    return writer.bytes
  }

  package init(decoding bytes: [UInt8]) throws(ReplicatedDataFormatError) {
    guard case .live(let value) = try ReplicatedEntityState(decoding: bytes) else {
      throw .malformed("a deleted entity in place of a value")
    }
    self = value
  }

  /// A stable hash of all changes and traces: two copies with equal digests are in step.
  package var digest: UInt64 { stableDigest(of: encoded()) }
}

extension ReplicatedEntityState {
  /// The state in stored form.
  package func encoded() -> [UInt8] {
    switch self {
    case .live(let value): value.encoded()
    case .deleted: [ReplicatedDataFormat.version, ReplicatedDataFormat.deletedTag]
    }
  }

  package init(decoding bytes: [UInt8]) throws(ReplicatedDataFormatError) {
    var reader = ByteReader(bytes)
    let version = try reader.byte()
    guard version == ReplicatedDataFormat.version else { throw .unsupportedVersion(version) }
    let tag = try reader.byte()
    if tag == ReplicatedDataFormat.deletedTag {
      self = .deleted
    } else {
      let kind = try ReplicatedKind(tag: tag)
      let context = try CausalContext(from: &reader)
      reader.context = context
      self = .live(
        ReplicatedValue(context: context, content: try ReplicatedContent(kind, from: &reader)))
    }
    try reader.expectEnd()
  }

  package var digest: UInt64 { stableDigest(of: encoded()) }
}

/// 64-bit FNV-1a (draft-eastlake-fnv).
func stableDigest(of bytes: [UInt8]) -> UInt64 {
  var hash: UInt64 = 0xcbf2_9ce4_8422_2325
  for byte in bytes {
    hash ^= UInt64(byte)
    hash &*= 0x0000_0100_0000_01b3
  }
  return hash
}
