/// Header blocks (RFC 7541) of requests and responses, chosen by the input.
enum HPACKBlock {
  private static let contentTypes = [
    "application/grpc", "application/grpc+proto", "application/grpc;x=1", "application/grpc-web",
    "application/json", "", "text/plain",
  ]
  private static let timeouts = ["1n", "10S", "99999999H", "0m", "", "1x", "123456789S", "5u"]
  private static let encodings = ["identity", "gzip", "gzip, identity", "zstd", ""]

  /// The headers of a request, mostly right.
  static func request(_ input: inout FuzzInput) -> [UInt8] {
    let choice = input.byte()
    // Indexed: POST or GET, http.
    var block: [UInt8] = [choice & 7 == 7 ? 0x82 : 0x83, 0x86]
    let letter = UInt8(ascii: "a") + input.byte() % 26
    block += field(":path", "/s/" + String(UnicodeScalar(letter)))
    if choice & 8 == 0 { block += field(":authority", "localhost") }
    block += field("te", "trailers")
    let type = choice & 0x30 == 0 ? Int(input.byte()) : 0
    block += field("content-type", contentTypes[type % contentTypes.count])
    if choice & 0x40 != 0 {
      block += field("grpc-timeout", timeouts[input.number(below: timeouts.count)])
    }
    if choice & 0x80 != 0 {
      let encoding = encodings[input.number(below: encodings.count)]
      block += field("grpc-encoding", encoding) + field("grpc-accept-encoding", encoding)
    }
    return block + more(&input)
  }

  /// The trailers of a request, which mean nothing.
  static func trailers(_ input: inout FuzzInput) -> [UInt8] {
    field("x-checksum", "1") + more(&input)
  }

  /// The headers of a response; with the end of the stream, all of one.
  static func response(_ input: inout FuzzInput) -> [UInt8] {
    let choice = input.byte()
    // Indexed: 200, 204, 404.
    var block: [UInt8] = choice & 7 < 5 ? [0x88] : [choice & 1 == 0 ? 0x89 : 0x8d]
    if choice & 7 == 7 { block = field(":status", "100") }
    let type = choice & 0x18 == 0 ? Int(input.byte()) : 0
    block += field("content-type", contentTypes[type % contentTypes.count])
    if choice & 0x20 != 0 {
      block += field("grpc-encoding", encodings[input.number(below: encodings.count)])
    }
    if choice & 0x40 != 0 { block += status(&input) }
    return block + more(&input)
  }

  /// The trailers of a response.
  static func status(_ input: inout FuzzInput) -> [UInt8] {
    let codes = ["0", "5", "17", "-1", "x", "", "99999999999999999999"]
    let choice = input.byte()
    let block = field("grpc-status", codes[Int(choice & 15) % codes.count])
    return choice < 128 ? block : block + field("grpc-message", "%E2%98%8 %") + more(&input)
  }

  /// Now and then something else: a long field, a field of the table, a change of its size, raw bytes.
  private static func more(_ input: inout FuzzInput) -> [UInt8] {
    switch input.byte() {
    case 0xf0...0xf3: input.bytes(input.number(below: 32))
    case 0xf4, 0xf5: field("x-long", String(repeating: "l", count: Int(input.short()) % 20_000))
    case 0xf6: field("content-length", String(input.byte()))
    case 0xf7: [0x20 | (input.byte() & 0x1f)]
    case 0xf8...0xfb: [0x40] + field("x-kept", "value").dropFirst() + [0xbe]
    case 0xfc: field("Upper", "case")
    case 0xfd: field("connection", "close")
    case 0xfe: field("x-bin", "\u{1}\r\n")
    default: []
    }
  }

  /// A literal that is not kept in the table.
  private static func field(_ name: String, _ value: String) -> [UInt8] {
    [0] + text(name) + text(value)
  }

  private static func text(_ text: String) -> [UInt8] {
    let bytes = Array(text.utf8)
    guard bytes.count >= 127 else { return [UInt8(bytes.count)] + bytes }
    var length: [UInt8] = [127]
    var rest = bytes.count - 127
    while rest >= 128 {
      length.append(UInt8(rest & 127) | 128)
      rest >>= 7
    }
    return length + [UInt8(rest)] + bytes
  }
}
