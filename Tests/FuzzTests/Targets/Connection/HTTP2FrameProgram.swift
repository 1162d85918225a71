import Gzip

/// Makes one side of an HTTP/2 connection from bytes: each byte or two choose a frame that is right, or nearly
/// so. What random bytes reach after hours, it reaches at once.
struct HTTP2FrameProgram {
  enum Step {
    case bytes([UInt8])
    case event(FuzzConnection.Event)
  }

  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
  private static let maximumSteps = 256
  private static let answeredStreams = 12
  /// A small message of many equal bytes, and what the same bytes are when they are damaged.
  private static let compressed =
    (try? Gzip.compress([UInt8](repeating: 0x61, count: 2000))) ?? []
  private static let largeCompressed =
    (try? Gzip.compress([UInt8](repeating: 0, count: 1 << 20))) ?? []

  private let isServer: Bool
  private var input: FuzzInput
  private var steps = 0
  private var hasBegun = false
  private var nextStream: UInt32 = 1
  private var streams: [UInt32] = []
  /// Gathered frames that go out as one read.
  private var gathered: [UInt8] = []

  /// - Parameter isServer: answers streams instead of opening them.
  init(_ input: FuzzInput, isServer: Bool = false) {
    self.input = input
    self.isServer = isServer
    if isServer { streams = (0..<Self.answeredStreams).map { UInt32($0 * 2 + 1) } }
  }

  mutating func next() -> Step? {
    if !hasBegun {
      hasBegun = true
      return .bytes((isServer ? [] : Self.preface) + frame(4, 0, 0, []))
    }
    while !input.isEmpty, steps < Self.maximumSteps {
      steps += 1
      let choice = input.byte()
      if choice & 0xf0 == 0xf0 {
        if !gathered.isEmpty { defer { gathered = [] }; return .bytes(gathered) }
        return .event(event(choice & 0xf))
      }
      let bytes = frame(choice)
      // Some frames wait for others, so that they come in one read.
      if choice & 0x40 != 0 {
        gathered += bytes
      } else {
        defer { gathered = [] }
        return .bytes(gathered + bytes)
      }
    }
    guard !gathered.isEmpty else { return nil }
    defer { gathered = [] }
    return .bytes(gathered)
  }

  private func event(_ choice: UInt8) -> FuzzConnection.Event {
    switch choice {
    case 0...4: .answers
    case 5: .blocked
    case 6, 7: .taken
    case 8: .time
    case 9: .drain
    case 10: .broken
    default: .turn
    }
  }

  private mutating func frame(_ choice: UInt8) -> [UInt8] {
    switch choice & 0x0f {
    case 0, 1, 2, 3: request()
    case 4, 5, 6: data()
    case 7: frame(3, 0, stream(), word([0, 1, 2, 7, 8, 11][input.number(below: 6)]))
    case 8: frame(8, 0, anyStream(), word(increment()))
    case 9: settings()
    case 10: frame(4, 1, 0, [])
    case 11: ping()
    case 12: trailers()
    case 13: frame(2, 0, anyStream(), word(UInt32(input.byte())) + [input.byte()])
    case 14: frame(7, 0, 0, word(input.long() & 0x7fff_ffff) + word(UInt32(input.byte())))
    default: anything()
    }
  }

  // MARK: Frames

  private func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8]) -> [UInt8]
  {
    let length = payload.count
    return [
      UInt8(truncatingIfNeeded: length >> 16), UInt8(truncatingIfNeeded: length >> 8),
      UInt8(truncatingIfNeeded: length), type, flags,
    ] + word(stream) + payload
  }

  private func word(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt32($0))) }
  }

  private mutating func stream() -> UInt32 {
    streams.isEmpty ? 1 : streams[input.number(below: streams.count)]
  }

  private mutating func anyStream() -> UInt32 {
    let choice = input.byte()
    return choice < 96 ? 0 : choice < 240 ? stream() : UInt32(choice - 230)
  }

  private mutating func increment() -> UInt32 {
    switch input.number(below: 8) {
    case 0: 0
    case 1: 0x7fff_ffff
    case 2: 0x7fff_0000
    default: UInt32(input.byte()) * 97 + 1
    }
  }

  private mutating func settings() -> [UInt8] {
    var payload: [UInt8] = []
    for _ in 0..<input.number(below: 4) {
      let values: [UInt32] = [0, 1, 100, 16_384, 65_535, 1 << 20, 0x7fff_ffff, 0xffff_ffff]
      payload +=
        [0, UInt8(input.number(below: 10))] + word(values[input.number(below: values.count)])
    }
    return frame(4, 0, 0, payload)
  }

  private mutating func ping() -> [UInt8] {
    // The answers to the server's own pings: behind GOAWAY, and of its keepalive.
    let payloads: [[UInt8]] = [
      [0, 0, 0x67, 0x6f, 0x61, 0x77, 0x61, 0x79], [0, 0, 0x61, 0x6c, 0x69, 0x76, 0x65, 0x3f],
      [1, 2, 3, 4, 5, 6, 7, 8],
    ]
    let choice = input.byte()
    return frame(6, choice & 1, 0, payloads[Int(choice >> 1) % payloads.count])
  }

  private mutating func anything() -> [UInt8] {
    let type = input.byte()
    let flags = input.byte()
    let stream = anyStream()
    return frame(type, flags, stream, input.bytes(input.number(below: 64)))
  }

  // MARK: Headers

  private mutating func request() -> [UInt8] {
    guard !isServer else { return headers(of: stream(), HPACKBlock.response(&input)) }
    let stream = nextStream
    nextStream += 2
    if streams.count < 32 { streams.append(stream) }
    return headers(of: stream, HPACKBlock.request(&input))
  }

  private mutating func trailers() -> [UInt8] {
    let stream = stream()
    let block = isServer ? HPACKBlock.status(&input) : HPACKBlock.trailers(&input)
    return headers(of: stream, block)
  }

  /// One block as HEADERS, perhaps with padding or priority, perhaps in several frames.
  private mutating func headers(of stream: UInt32, _ block: [UInt8]) -> [UInt8] {
    let shape = input.byte()
    var flags: UInt8 = shape & 1
    var first = block
    var rest: [UInt8] = []
    if shape & 0x0e == 0x02 {
      first = Array(block.prefix(block.count / 2))
      rest = Array(block.dropFirst(first.count))
    } else {
      flags |= 4
    }
    if shape & 0x30 == 0x10 {
      flags |= 0x20
      first = word(UInt32(shape)) + [16] + first
    }
    if shape & 0xc0 == 0x40 {
      flags |= 8
      first = [3] + first + [0, 0, 0]
    }
    return frame(1, flags, stream, first) + (rest.isEmpty ? [] : frame(9, 4, stream, rest))
  }

  // MARK: Data

  private mutating func data() -> [UInt8] {
    let choice = input.byte()
    let flags = choice >> 7
    let stream = stream()
    let content: [UInt8]
    switch choice & 0x0f {
    case 0...3: content = message(length: Int(input.byte()))
    case 4: content = message(length: Int(input.short()) % 20_000)
    case 5: content = []
    case 6: content = Array(message(length: 100).prefix(input.number(below: 105)))
    case 7: content = [UInt8](repeating: 0, count: Int(input.byte()))
    case 8: content = [1] + word(UInt32(Self.compressed.count)) + Self.compressed
    case 9: content = [1] + word(UInt32(Self.largeCompressed.count)) + Self.largeCompressed
    case 10: content = damaged()
    case 11: content = [0] + word(input.long())
    case 12: content = message(length: 0) + message(length: 1) + message(length: 0)
    case 13: content = [UInt8](repeating: 0x20, count: Int(input.short()) % 16_384)
    default: content = input.bytes(input.number(below: 64))
    }
    if choice & 0x30 == 0x30 { return frame(0, flags | 8, stream, [2] + content + [0, 0]) }
    return frame(0, flags, stream, content)
  }

  private func message(length: Int) -> [UInt8] {
    [0] + word(UInt32(length)) + [UInt8](repeating: 0x6d, count: length)
  }

  private mutating func damaged() -> [UInt8] {
    var bytes = Self.compressed
    bytes[input.number(below: bytes.count)] ^= input.byte()
    return [1] + word(UInt32(bytes.count)) + bytes
  }
}
