import ZeroMQ

/// A question of libzmq whether a client may connect (RFC 27, ZAP 1.0). A pure value.
struct ZAPRequest: Hashable {
  /// Where the reply goes: the name of the asking socket, and the empty frame behind it.
  private let route: [UInt8]
  private let id: [UInt8]
  /// The client's, without a port; empty for a local one.
  let address: String
  /// The public key it showed and proved to have; `nil` if it did not use CURVE.
  let key: CurveKey?

  static let version = Array("1.0".utf8)

  /// Reads the frames of a request as a ROUTER gets them; `nil` for anything else.
  init?(_ frames: [[UInt8]]) {
    guard frames.count >= 8, frames[1].isEmpty, frames[2] == Self.version else { return nil }
    route = frames[0]
    id = frames[3]
    address = String(decoding: frames[5], as: UTF8.self)
    let isCurve = frames[7] == Array("CURVE".utf8) && frames.count == 9
    key = isCurve ? CurveKey(bytes: frames[8]) : nil
  }

  enum Verdict: Hashable {
    case admitted
    /// By whom and with which key, for people.
    case refused(address: String, key: CurveKey?)
  }

  func verdict(of busKey: BusKey) -> Verdict {
    guard let key, busKey.admits(key) else { return .refused(address: address, key: key) }
    return .admitted
  }

  /// The frames of the reply.
  func reply(_ verdict: Verdict) -> [[UInt8]] {
    let (code, text) = verdict == .admitted ? ("200", "OK") : ("400", "no accepted key")
    return [route, [], Self.version, id, Array(code.utf8), Array(text.utf8), [], []]
  }
}
