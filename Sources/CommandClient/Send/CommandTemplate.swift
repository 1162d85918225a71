package import CloudstateModel
package import CommandLineKit
import SettingsReading

/// A text with placeholders that are filled in anew for each command (`--template`).
///
/// `{{count}}` is the number of the command, from 1; `{{uuid}}` a random UUID; `{{time}}` the time in
/// milliseconds since 1970; `{{random A B}}` a whole number from A to B. Randomness and time are
/// arguments of ``render(count:time:using:)``.
package struct CommandTemplate: Hashable, Sendable {
  private enum Segment: Hashable, Sendable {
    case text(String)
    case count
    case uuid
    case time
    case random(ClosedRange<Int64>)
  }

  private var segments: [Segment]

  /// A text without placeholders, whatever it contains.
  package init(verbatim text: String) { segments = [.text(text)] }

  /// Reads a template.
  ///
  /// - Throws: ``ProgramError`` with status `usage` for a placeholder that is unknown or not closed.
  package init(_ text: String) throws(ProgramError) {
    segments = []
    var rest = text[...]
    while let open = Self.range(of: "{{", in: rest) {
      if open.lowerBound > rest.startIndex {
        segments.append(.text(String(rest[..<open.lowerBound])))
      }
      let inner = rest[open.upperBound...]
      guard let close = Self.range(of: "}}", in: inner) else {
        throw ProgramError("a placeholder that begins with {{ does not end with }}", status: .usage)
      }
      segments.append(try Self.placeholder(inner[..<close.lowerBound]))
      rest = inner[close.upperBound...]
    }
    if !rest.isEmpty { segments.append(.text(String(rest))) }
  }

  /// The text when it has no placeholders.
  package var constant: String? {
    switch (segments.first, segments.count) {
    case (nil, _): ""
    case (.text(let text), 1): text
    default: nil
    }
  }

  /// Fills in the placeholders.
  ///
  /// - Parameter count: the number of the command, from 1.
  package func render(
    count: Int, time: Timestamp, using random: inout some RandomNumberGenerator
  ) -> String {
    var result = ""
    for segment in segments {
      switch segment {
      case .text(let text): result += text
      case .count: result += String(count)
      case .uuid: result += randomUUID(using: &random)
      case .time: result += String(time.unixMilliseconds)
      case .random(let range): result += String(Int64.random(in: range, using: &random))
      }
    }
    return result
  }

  private static let names = ["count", "uuid", "time", "random"]

  private static func placeholder(_ text: Substring) throws(ProgramError) -> Segment {
    let words = text.split(separator: " ")
    switch (words.first, words.count) {
    case ("count", 1): return .count
    case ("uuid", 1): return .uuid
    case ("time", 1): return .time
    case ("random", 3):
      if let low = Int64(words[1]), let high = Int64(words[2]), low <= high {
        return .random(low...high)
      }
      throw ProgramError(
        "{{\(text)}}: the bounds are two whole numbers, the smaller one first",
        hint: "{{random 1 100}}", status: .usage)
    default:
      let near = words.first.flatMap { nearest(to: String($0), among: names) } ?? "count"
      throw ProgramError(
        "{{\(text)}} is not a placeholder; there are count, uuid, time and random A B",
        hint: near == "random" ? "{{random 1 100}}" : "{{\(near)}}", status: .usage)
    }
  }

  private static func range(of pair: String, in text: Substring) -> Range<Substring.Index>? {
    var index = text.startIndex
    while index < text.endIndex {
      let tail = text[index...]
      if tail.hasPrefix(pair) { return index..<text.index(index, offsetBy: pair.count) }
      index = text.index(after: index)
    }
    return nil
  }
}

/// A random UUID (RFC 9562, version 4) in lower case.
package func randomUUID(using random: inout some RandomNumberGenerator) -> String {
  var bytes: [UInt8] = []
  for _ in 0..<2 {
    let word = random.next()
    for shift in stride(from: 56, through: 0, by: -8) {
      bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
    }
  }
  bytes[6] = bytes[6] & 0x0f | 0x40
  bytes[8] = bytes[8] & 0x3f | 0x80
  let digits = Array("0123456789abcdef")
  var text = ""
  for (index, byte) in bytes.enumerated() {
    if [4, 6, 8, 10].contains(index) { text.append("-") }
    text.append(digits[Int(byte >> 4)])
    text.append(digits[Int(byte & 0xf)])
  }
  return text
}
