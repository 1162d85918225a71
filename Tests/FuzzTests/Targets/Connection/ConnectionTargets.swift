extension FuzzTarget {
  /// The public port as a client of HTTP/1 sees it. The input is a byte of settings, a count of events,
  /// the events, and what the client sends.
  static let http1 = FuzzTarget("http1") { try runBytes($0) }

  /// The same with HTTP/2; apart, because its corpus and its dictionary are others.
  static let http2 = FuzzTarget("http2") { try runBytes($0) }

  /// A client of HTTP/2 whose frames are built from the input, so that most of them are read to their end.
  static let http2Frames = FuzzTarget("http2-frames") { input in
    var input = input
    let settings = input.byte()
    let connection = try FuzzConnection(settings: settings)
    var program = HTTP2FrameProgram(input)
    sending: while let step = program.next() {
      switch step {
      case .bytes(let bytes): if try !connection.feed(bytes) { break sending }
      case .event(let event): try connection.happen(event)
      }
    }
    try connection.finish(isLost: settings & 16 == 0)
  }

  /// A server of HTTP/2 towards our client, as a user function is one: a byte of settings, a count of things
  /// its callers do, those, and the server's frames; or with a bit of the settings, its bytes.
  static let http2Client = FuzzTarget("http2-client") { input in
    var input = input
    let settings = input.byte()
    let client = try FuzzClient(settings: settings, script: input.bytes(Int(input.byte() & 63)))
    if settings & 0x80 != 0 {
      while !input.isEmpty, try client.feed(input.bytes(Int(input.byte()) + 1)) {
        try client.happen(.answers)
      }
    } else {
      var program = HTTP2FrameProgram(input, isServer: true)
      sending: while let step = program.next() {
        switch step {
        case .bytes(let bytes): if try !client.feed(bytes) { break sending }
        case .event(let event): try client.happen(event)
        }
      }
    }
    try client.finish(isLost: settings & 16 == 0)
  }

  private static let readBytes = 4096

  private static func runBytes(_ input: FuzzInput) throws {
    var input = input
    let settings = input.byte()
    let connection = try FuzzConnection(settings: settings)
    var events = FuzzInput(input.bytes(Int(input.byte() & 63)))
    sending: while !input.isEmpty, connection.isOpen {
      let choice = events.isEmpty ? 0xff : events.byte()
      let argument = Int(choice >> 3)
      switch choice & 7 {
      case 0: guard try connection.feed(input.bytes(argument + 1)) else { break sending }
      case 1:
        guard try connection.feed(input.bytes(argument * argument * 4 + 1)) else { break sending }
      case 2: try connection.happen(.answers)
      case 3: try connection.happen(argument & 1 == 0 ? .blocked : .taken)
      case 4: try connection.happen(.time)
      case 5: try connection.happen(argument == 31 ? .broken : .turn)
      case 6: try connection.happen(argument == 31 ? .drain : .turn)
      default: guard try connection.feed(input.bytes(readBytes)) else { break sending }
      }
    }
    try connection.finish(isLost: settings & 16 == 0)
  }
}
