import ZeroMQ

/// Why a key file cannot be used or made.
package struct BusKeyError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong, beginning with the file, and the line where there is one; and what to do about it.
  package let message: String
  /// Whether a file that must not be replaced is in the way.
  package let isInTheWay: Bool

  package init(_ message: String, isInTheWay: Bool = false) {
    self.message = message
    self.isInTheWay = isInTheWay
  }

  package var description: String { message }
}

/// The text of a key file:
///
///     # A line that begins with # is a comment.
///     public = rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7
///     secret = JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6
///     accept = Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID
///
/// `public` and `secret` stand there once, `accept` as often as needed. Keys are in Z85 (RFC 32), whose
/// characters `#` and `=` are part of a key: so a comment has a line of its own, and the first `=` divides.
enum BusKeyText {
  /// More accepted keys than this are a mistake: each may cost a link one more attempt.
  static let maximumAccepted = 8

  /// Reads the text of `file`.
  ///
  /// - Throws: ``BusKeyError`` for the first line that is wrong, and for a key that is missing. It never holds
  ///   what may be a secret key.
  static func parse(_ text: String, file: String) throws(BusKeyError) -> BusKey {
    var publicKey: (key: CurveKey, line: Int)?
    var secretKey: CurveSecretKey?
    var accepted: [CurveKey] = []
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (index, line) in lines.enumerated() {
      let line = trimmed(line)
      if line.isEmpty || line.hasPrefix("#") { continue }
      let place = "\(file):\(index + 1)"
      guard let equals = line.firstIndex(of: "=") else {
        throw BusKeyError("\(place): write NAME = KEY, where the name is public, secret or accept")
      }
      let (name, value) = (trimmed(line[..<equals]), trimmed(line[line.index(after: equals)...]))
      switch name {
      case "public":
        guard publicKey == nil else { throw BusKeyError("\(place): public is there twice") }
        publicKey = (try key(value, place), index + 1)
      case "secret":
        guard secretKey == nil else { throw BusKeyError("\(place): secret is there twice") }
        guard let key = CurveSecretKey(text: value) else { throw noKey(place) }
        secretKey = key
      case "accept":
        accepted.append(try key(value, place))
        guard accepted.count <= maximumAccepted else {
          throw BusKeyError("\(place): more than \(maximumAccepted) keys to accept")
        }
      default:
        throw BusKeyError("\(place): '\(name)' is none of public, secret, accept")
      }
    }
    guard let publicKey, let secretKey else {
      throw BusKeyError(
        "\(file): \(publicKey == nil ? "public" : "secret") is missing; make a key file with "
          + "Scripts/make-bus-key")
    }
    let derived: CurveKey
    do throws(ZeroMQError) {
      derived = try Curve.publicKey(of: secretKey)
    } catch {
      throw BusKeyError("\(file): the key cannot be used: \(error)")
    }
    guard derived == publicKey.key else {
      throw BusKeyError(
        "\(file):\(publicKey.line): the public key does not belong to the secret one")
    }
    return BusKey(
      pair: CurveKeyPair(publicKey: publicKey.key, secretKey: secretKey), accepted: accepted)
  }

  /// The text of a file with this key.
  static func text(of key: BusKey) -> String {
    let accepted = key.accepted.map { "accept = \($0)\n" }.joined()
    return """
      # The key of the bus of a cluster. Who can read this file can join the cluster and read what passes:
      # keep it to the users that coordinators and nodes run as (chmod 600, or 640 with a group of their own).
      # All members have the same file and name it with --bus-key.
      public = \(key.pair.publicKey)
      secret = \(key.pair.secretKey.text)
      # While a key is replaced: public keys of others that are members, too, one a line as accept = KEY.
      \(accepted)
      """
  }

  private static func key(_ text: String, _ place: String) throws(BusKeyError) -> CurveKey {
    guard let key = CurveKey(text: text) else { throw noKey(place) }
    return key
  }

  private static func noKey(_ place: String) -> BusKeyError {
    BusKeyError("\(place): not a key; a key is \(CurveKey.textLength) characters in Z85")
  }

  private static func trimmed(_ text: some StringProtocol) -> String {
    let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" }
    return String(text.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
  }
}
