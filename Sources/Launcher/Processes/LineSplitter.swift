/// Cuts a stream of bytes into lines.
struct LineSplitter {
  /// A longer line is cut into pieces of this many bytes, so that a program which never ends its line
  /// does not fill our memory.
  static let maximumLineBytes = 16_384

  private var partial: [UInt8] = []

  /// Takes in bytes and answers the lines they complete, without line ends.
  mutating func append(_ bytes: ArraySlice<UInt8>) -> [String] {
    var lines: [String] = []
    for byte in bytes {
      if byte == UInt8(ascii: "\n") {
        lines.append(take())
      } else {
        partial.append(byte)
        if partial.count == Self.maximumLineBytes { lines.append(take()) }
      }
    }
    return lines
  }

  /// The last line of a stream that ended without a line end.
  mutating func finish() -> String? { partial.isEmpty ? nil : take() }

  private mutating func take() -> String {
    if partial.last == UInt8(ascii: "\r") { partial.removeLast() }
    defer { partial.removeAll(keepingCapacity: true) }
    return String(decoding: partial, as: UTF8.self)
  }
}

/// The last lines of a process, for the report when it fails.
struct RecentLines {
  static let capacity = 20

  private(set) var lines: [String] = []

  mutating func append(_ line: String) {
    if lines.count == Self.capacity { lines.removeFirst() }
    lines.append(line)
  }
}
