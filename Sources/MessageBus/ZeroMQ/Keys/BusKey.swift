import ZeroMQ

/// The key of a cluster: who has it belongs to the bus, and what passes is encrypted for those who have it.
///
/// Every member has the same pair. It is the server's key of the sockets that listen, and the client's key
/// that those who connect show; a member admits clients that show this key or one in ``accepted``, and
/// connects to servers that have one of them.
package struct BusKey: Hashable, Sendable {
  /// What this member shows.
  let pair: CurveKeyPair
  /// Public keys of other pairs whose owners are members, too, while a key is replaced.
  let accepted: [CurveKey]

  init(pair: CurveKeyPair, accepted: [CurveKey] = []) {
    self.pair = pair
    self.accepted = accepted
  }

  /// The public key, for people.
  package var publicKey: String { "\(pair.publicKey)" }

  /// All public keys that count, this member's own first.
  var knownKeys: [CurveKey] { [pair.publicKey] + accepted }

  /// Whether a client that shows this key is a member.
  func admits(_ key: CurveKey) -> Bool { key == pair.publicKey || accepted.contains(key) }
}
