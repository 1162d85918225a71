package import CommandLineKit
import Glibc

/// Whether a program could listen on a port of the loopback address now.
package func isPortAvailable(_ port: UInt16) -> Bool {
  guard let address = try? SocketAddress(.loopback(port)) else { return false }
  let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
  let descriptor = socket(AF_INET, kind, 0)
  guard descriptor >= 0 else { return false }
  defer { close(descriptor) }
  // Connections of an earlier run that linger in TIME_WAIT do not hinder a server, which sets this too.
  var yes: Int32 = 1
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
  return address.bind(descriptor) == 0 && listen(descriptor, 1) == 0
}

/// Chooses ports that nobody uses.
///
/// They stay the same for the whole run, so that a restarted process is found where it was. They lie
/// below the range from which Linux takes the ports of outgoing connections (32768 and up), so that
/// no connection can take one between choosing and using it, and start at a random place, so that
/// launchers that start together rarely meet.
package struct FreePorts {
  package static let range: Range<UInt16> = 10_000..<32_000

  private var candidate: UInt16
  private var taken: Set<UInt16>
  private let isAvailable: (UInt16) -> Bool

  /// - Parameter taken: ports that the topology uses itself.
  package init(
    taken: Set<UInt16>, using random: inout some RandomNumberGenerator,
    isAvailable: @escaping (UInt16) -> Bool = isPortAvailable
  ) {
    candidate = UInt16.random(in: Self.range, using: &random)
    self.taken = taken
    self.isAvailable = isAvailable
  }

  /// - Throws: ``ProgramError`` when no port is left.
  package mutating func next() throws(ProgramError) -> UInt16 {
    for _ in Self.range {
      let port = candidate
      candidate = candidate + 1 < Self.range.upperBound ? candidate + 1 : Self.range.lowerBound
      if !taken.contains(port), isAvailable(port) {
        taken.insert(port)
        return port
      }
    }
    throw ProgramError("no port between \(Self.range.lowerBound) and 31999 is free")
  }
}
