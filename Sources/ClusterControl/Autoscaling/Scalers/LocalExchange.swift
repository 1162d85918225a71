import Glibc

/// One line to a Unix socket and one line back, on the calling thread.
struct LocalExchange {
  /// A longer answer is refused.
  static let maximumBytes = 65_536

  /// Absolute; of any length.
  let path: String

  /// - Parameter line: with its line feed.
  /// - Returns: the answer without its line feed.
  /// - Throws: ``ScalerError``: `.unreachable`, `.timeout` or `.malformedAnswer`.
  func ask(_ line: [UInt8], within timeout: Duration) throws(ScalerError) -> [UInt8] {
    let descriptor = try connect()
    defer { close(descriptor) }
    let deadline = ContinuousClock.now + timeout
    var rest = line[...]
    while !rest.isEmpty {
      try wait(for: Int16(POLLOUT), of: descriptor, until: deadline, timeout)
      let count = send(descriptor, Array(rest), rest.count, Int32(MSG_NOSIGNAL))
      if count < 0, errno == EAGAIN || errno == EINTR { continue }
      guard count > 0 else { throw failure("cannot write to") }
      rest = rest.dropFirst(count)
    }
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      try wait(for: Int16(POLLIN), of: descriptor, until: deadline, timeout)
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EAGAIN || errno == EINTR { continue }
      guard count >= 0 else { throw failure("cannot read from") }
      guard count > 0 else {
        throw ScalerError(.unreachable, "\(path) was closed before there was an answer")
      }
      answer += buffer[..<count]
      if let end = answer.firstIndex(of: UInt8(ascii: "\n")) { return Array(answer[..<end]) }
      guard answer.count <= Self.maximumBytes else {
        throw ScalerError(.malformedAnswer, "the answer is longer than \(Self.maximumBytes) bytes")
      }
    }
  }

  /// The path of a socket is limited to 107 bytes (unix(7)), so the kernel is shown a short one by way of its folder's
  /// descriptor (proc(5)).
  private func connect() throws(ScalerError) -> Int32 {
    let name = path.split(separator: "/").last.map(String.init) ?? ""
    let folder = open(String(path.dropLast(name.count)), O_DIRECTORY | O_RDONLY | O_CLOEXEC)
    guard folder >= 0 else { throw failure("there is no folder of") }
    defer { close(folder) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let short = Array("/proc/self/fd/\(folder)/\(name)".utf8)
    guard short.count < MemoryLayout.size(ofValue: address.sun_path) else {
      throw ScalerError(.invalidConfiguration, "the name of the socket \(path) is too long")
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: short) }
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(AF_UNIX, kind, 0)
    guard descriptor >= 0 else { throw failure("cannot make a socket for") }
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard result == 0 else {
      let error = failure("nobody listens at")
      close(descriptor)
      throw error
    }
    return descriptor
  }

  private func wait(
    for events: Int16, of descriptor: Int32, until deadline: ContinuousClock.Instant,
    _ timeout: Duration
  ) throws(ScalerError) {
    var entry = pollfd(fd: descriptor, events: events, revents: 0)
    while true {
      let left = (deadline - ContinuousClock.now).wholeMilliseconds
      guard left > 0 else {
        throw ScalerError(.timeout, "there was no answer at \(path) within \(timeout)")
      }
      let count = poll(&entry, 1, Int32(clamping: left + 1))
      if count > 0 { return }
      if count < 0, errno != EINTR { throw failure("cannot wait for") }
    }
  }

  private func failure(_ what: String) -> ScalerError {
    ScalerError(.unreachable, "\(what) \(path) (error \(errno)): is cs-up running?")
  }
}
