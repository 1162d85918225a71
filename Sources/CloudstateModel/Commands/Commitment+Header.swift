// The text of the trailer `cs-commitment`. One trailer, because each costs its name again in every answer.
//
//   shard=3;position=42;epoch=2;sequence=7;events=2;duplicate
//
// `shard` is always there; the rest up to `events` when there are events; `duplicate` when the answer was
// remembered. Readers pass over what they do not know.

extension Commitment {
  /// The commitment as a header value.
  package var headerValue: String {
    var text = HeaderText()
    text.append("shard=", UInt64(shard))
    if eventCount > 0 {
      text.append(";position=", position.number)
      text.append(";epoch=", epoch.number)
      text.append(";sequence=", UInt64(clamping: firstSequence.number))
      text.append(";events=", UInt64(eventCount))
    }
    if isDuplicate { text.append(";duplicate") }
    return text.string
  }

  /// Reads a header value; `nil` if it names no shard.
  package init?(headerValue: some StringProtocol) {
    var shard: UInt32?
    self.init(
      shard: 0, position: .start, epoch: Epoch(0), firstSequence: .none, eventCount: 0)
    for part in headerValue.split(separator: ";") {
      let pair = part.split(separator: "=", maxSplits: 1)
      guard pair.count == 2 else {
        if part == "duplicate" { isDuplicate = true }
        continue
      }
      switch pair[0] {
      case "shard": shard = UInt32(pair[1])
      case "position": position = Position(UInt64(pair[1]) ?? 0)
      case "epoch": epoch = Epoch(UInt64(pair[1]) ?? 0)
      case "sequence": firstSequence = SequenceNumber(Int64(pair[1]) ?? 0)
      case "events": eventCount = Int(pair[1]) ?? 0
      default: continue
      }
    }
    guard let shard else { return nil }
    self.shard = shard
  }
}

/// Builds ASCII text without the cost of interpolation: it is made for every command.
private struct HeaderText {
  private var bytes: [UInt8] = []

  init() { bytes.reserveCapacity(96) }

  var string: String { String(decoding: bytes, as: UTF8.self) }

  mutating func append(_ text: StaticString) {
    text.withUTF8Buffer { bytes.append(contentsOf: $0) }
  }

  mutating func append(_ text: StaticString, _ number: UInt64) {
    append(text)
    let start = bytes.count
    var rest = number
    repeat {
      bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    } while rest > 0
    bytes[start...].reverse()
  }
}
