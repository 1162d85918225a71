import CommandLineKit
import Glibc

/// An address for system calls, of TCP on IPv4 or IPv6 or of a Unix socket.
struct SocketAddress {
  private var storage = sockaddr_storage()
  private var length: socklen_t

  /// Looks a host up; waits for name service when the host is a name.
  ///
  /// - Throws: ``ProgramError`` when the name has no address.
  init(_ address: NetworkAddress) throws(ProgramError) {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_NUMERICSERV
    var found: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(address.host, String(address.port), &hints, &found)
    guard code == 0, let first = found, let raw = first.pointee.ai_addr else {
      throw ProgramError(
        "cannot find the host of \(address): \(String(cString: gai_strerror(code)))",
        status: .unreachable)
    }
    defer { freeaddrinfo(first) }
    length = first.pointee.ai_addrlen
    withUnsafeMutableBytes(of: &storage) { bytes in
      bytes.copyMemory(from: UnsafeRawBufferPointer(start: raw, count: Int(length)))
    }
  }

  /// - Throws: ``ProgramError`` when the path is longer than a socket's may be.
  init(unixSocket path: String) throws(ProgramError) {
    guard path.utf8.count <= LaunchPlan.maximumSocketPath else {
      throw ProgramError("the path of a socket is too long: \(path)", status: .usage)
    }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    length = socklen_t(MemoryLayout<sockaddr_un>.size)
    withUnsafeMutableBytes(of: &storage) { bytes in
      withUnsafeBytes(of: &address) { bytes.copyMemory(from: $0) }
    }
  }

  var family: Int32 { Int32(storage.ss_family) }

  /// connect(2); 0, or -1 with `errno` set.
  func connect(_ descriptor: Int32) -> Int32 {
    withPointer { Glibc.connect(descriptor, $0, $1) }
  }

  /// bind(2); 0, or -1 with `errno` set.
  func bind(_ descriptor: Int32) -> Int32 {
    withPointer { Glibc.bind(descriptor, $0, $1) }
  }

  private func withPointer(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    withUnsafeBytes(of: storage) { bytes in
      bytes.withMemoryRebound(to: sockaddr.self) { buffer in
        guard let pointer = buffer.baseAddress else { return -1 }
        return body(pointer, length)
      }
    }
  }
}

/// Whether somebody accepts connections at an address right now. Local addresses answer at once, so
/// the attempt waits no longer than 100 milliseconds.
func acceptsConnections(_ address: SocketAddress) -> Bool {
  let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
  let descriptor = socket(address.family, kind, 0)
  guard descriptor >= 0 else { return false }
  defer { close(descriptor) }
  if address.connect(descriptor) == 0 { return true }
  guard errno == EINPROGRESS else { return false }
  var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
  guard poll(&waiting, 1, 100) == 1 else { return false }
  var code: Int32 = -1
  var size = socklen_t(MemoryLayout<Int32>.size)
  return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0 && code == 0
}
