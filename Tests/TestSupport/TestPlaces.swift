import Glibc
import Synchronization

/// The path of a program of this package, built beside the running tests.
package func builtProduct(_ name: String) throws -> String {
  var path = [CChar](repeating: 0, count: Int(PATH_MAX))
  let count = readlink("/proc/self/exe", &path, path.count)
  guard count > 0 else { throw TestSetupError(what: "readlink /proc/self/exe", code: errno) }
  let tests = String(decoding: path[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  let folder = tests[..<(tests.lastIndex(of: "/") ?? tests.startIndex)]
  let product = "\(folder)/\(name)"
  guard access(product, X_OK) == 0 else { throw TestSetupError(what: product, code: errno) }
  return product
}

/// Ports handed out by this process, so that none is given twice.
private let handedOut = Mutex<Set<UInt16>>([])

/// A TCP port of 127.0.0.1 that nobody listens on. It lies below the range from which the kernel takes ports
/// of outgoing connections, so that none of those takes it before the test does. Another program may:
/// where a program can listen on port 0 and say which one it got, that is better.
package func freePort() throws -> Int {
  for _ in 0..<1000 {
    let port = UInt16.random(in: 10_000..<32_000)
    guard try isFree(port), handedOut.withLock({ $0.insert(port).inserted }) else { continue }
    return Int(port)
  }
  throw TestSetupError(what: "no free port", code: EADDRINUSE)
}

private func isFree(_ port: UInt16) throws -> Bool {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
  guard descriptor >= 0 else { throw TestSetupError(what: "socket", code: errno) }
  defer { close(descriptor) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = port.bigEndian
  address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
  return withUnsafePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
      bind(descriptor, generic, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
    }
  }
}
