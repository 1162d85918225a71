/// Members of an object as libprotobuf prints it: valid JSON without blanks.
enum JSONMember {
  /// The JSON of the member with this name; `nil` when there is none.
  static func value(of name: String, in object: String) -> String? {
    let bytes = Array(object.utf8)
    let wanted = Array("\"\(name)\"".utf8)
    guard bytes.first == UInt8(ascii: "{") else { return nil }
    var offset = 1
    while offset < bytes.count, bytes[offset] == UInt8(ascii: "\"") {
      let nameEnd = end(ofValueAt: offset, in: bytes)
      guard nameEnd < bytes.count else { return nil }
      let valueEnd = end(ofValueAt: nameEnd + 1, in: bytes)
      if bytes[offset..<nameEnd].elementsEqual(wanted) {
        return String(decoding: bytes[(nameEnd + 1)..<valueEnd], as: UTF8.self)
      }
      offset = valueEnd + 1
    }
    return nil
  }

  /// Where the value that begins here ends: before the comma, colon or bracket behind it.
  private static func end(ofValueAt start: Int, in bytes: [UInt8]) -> Int {
    var offset = start
    var depth = 0
    var isInString = false
    while offset < bytes.count {
      let byte = bytes[offset]
      if isInString {
        if byte == UInt8(ascii: "\\") { offset += 1 }
        if byte == UInt8(ascii: "\"") { isInString = false }
      } else {
        switch byte {
        case UInt8(ascii: "\""): isInString = true
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: ","), UInt8(ascii: ":"):
          if depth == 0 { return offset }
          if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") { depth -= 1 }
        default: break
        }
      }
      offset += 1
    }
    return bytes.count
  }
}
