import CommandLineKit
import Glibc

/// One request to the coordinator's admin listener and its answer, by HTTP/1.1 (RFC 9112) with
/// `Connection: close`.
final class AdminExchange {
  /// The longest answer.
  static let maximumBytes = 4 << 20

  struct Answer: Hashable, Sendable {
    var status: Int
    var body: [UInt8]
  }

  enum Outcome {
    case answer(Answer)
    case failed(String)
  }

  let deadline: Duration
  let onEnd: (Outcome) -> Void
  private let descriptor: Int32
  private var rest: ArraySlice<UInt8>
  private var received: [UInt8] = []

  /// Begins to connect.
  ///
  /// - Throws: ``ProgramError`` when that fails at once.
  init(
    _ method: String, _ path: String, at address: NetworkAddress, deadline: Duration,
    onEnd: @escaping (Outcome) -> Void
  ) throws(ProgramError) {
    let target = try SocketAddress(address)
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    descriptor = socket(target.family, kind, 0)
    guard descriptor >= 0 else { throw .system("cannot make a socket", code: errno) }
    self.deadline = deadline
    self.onEnd = onEnd
    rest =
      Array(
        """
        \(method) \(path) HTTP/1.1\r
        host: \(address)\r
        connection: close\r
        content-length: 0\r
        \r

        """.utf8)[...]
    guard target.connect(descriptor) == 0 || errno == EINPROGRESS else {
      let code = errno
      close(descriptor)
      throw .system("cannot connect to \(address)", code: code, status: .unreachable)
    }
  }

  deinit { close(descriptor) }

  var pollEntry: pollfd {
    pollfd(fd: descriptor, events: Int16(rest.isEmpty ? POLLIN : POLLOUT), revents: 0)
  }

  /// Sends or receives what is possible; answers the outcome once there is one.
  func advance() -> Outcome? {
    if !rest.isEmpty {
      let count = write(descriptor, Array(rest), rest.count)
      if count < 0 {
        return errno == EAGAIN || errno == EINTR ? nil : .failed(systemErrorText(errno))
      }
      rest = rest.dropFirst(count)
      return nil
    }
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = read(descriptor, &buffer, buffer.count)
    if count < 0 {
      return errno == EAGAIN || errno == EINTR ? nil : .failed(systemErrorText(errno))
    }
    received += buffer[..<count]
    guard received.count <= Self.maximumBytes else { return .failed("the answer is too long") }
    if count > 0, !Self.isComplete(received) { return nil }
    guard let answer = Self.answer(received) else {
      return .failed("it answered what is not HTTP/1.1")
    }
    return .answer(answer)
  }

  private static func isComplete(_ bytes: [UInt8]) -> Bool {
    guard let head = head(of: bytes), let length = head.length else { return false }
    return bytes.count >= head.bodyStart + length
  }

  /// Reads a whole answer; `nil` for anything that is none.
  static func answer(_ bytes: [UInt8]) -> Answer? {
    guard let head = head(of: bytes) else { return nil }
    let body = bytes[head.bodyStart...]
    if head.isChunked { return unchunk(body).map { Answer(status: head.status, body: $0) } }
    if let length = head.length {
      guard body.count >= length else { return nil }
      return Answer(status: head.status, body: Array(body.prefix(length)))
    }
    return Answer(status: head.status, body: Array(body))
  }

  private struct Head {
    var status: Int
    var length: Int?
    var isChunked = false
    var bodyStart: Int
  }

  private static func head(of bytes: [UInt8]) -> Head? {
    let blank: [UInt8] = [13, 10, 13, 10]
    guard bytes.count >= blank.count,
      let end = (0...(bytes.count - blank.count)).first(where: {
        bytes[$0..<$0 + blank.count].elementsEqual(blank)
      })
    else { return nil }
    let lines = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n")
    let words = lines.first?.split(separator: " ") ?? []
    guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
      return nil
    }
    var head = Head(status: status, bodyStart: end + blank.count)
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { continue }
      let value = parts[1].drop { $0 == " " }
      switch parts[0].lowercased() {
      case "content-length":
        guard let length = Int(value), (0...maximumBytes).contains(length) else { return nil }
        head.length = length
      case "transfer-encoding": head.isChunked = value.lowercased() == "chunked"
      default: break
      }
    }
    return head
  }

  private static func unchunk(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
    var rest = bytes
    var body: [UInt8] = []
    while true {
      guard let end = rest.firstIndex(of: 10) else { return nil }
      let line = String(decoding: rest[..<end], as: UTF8.self).prefix { $0.isHexDigit }
      guard let size = Int(line, radix: 16) else { return nil }
      rest = rest[(end + 1)...]
      if size == 0 { return body }
      guard rest.count >= size else { return nil }
      body += rest.prefix(size)
      // The line end after the chunk.
      rest = rest.dropFirst(size).drop { $0 == 13 || $0 == 10 }
    }
  }
}
