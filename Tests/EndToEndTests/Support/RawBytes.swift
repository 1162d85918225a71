import Foundation
import TestSupport

/// Sends bytes to a port of the loopback interface and closes; what comes back is not read.
func sendRaw(_ bytes: [UInt8], toPort port: Int) throws {
  let descriptor = try connectRaw(toPort: port)
  defer { close(descriptor) }
  // The peer may close early: a failed send is part of the game.
  _ = bytes.withUnsafeBytes {
    send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
  }
}

/// Sends bytes to a port of the loopback interface and answers all that comes back until the peer closes, which
/// it must do within ten seconds of its last word.
func rawAnswer(to bytes: [UInt8], port: Int) throws -> String {
  let descriptor = try connectRaw(toPort: port)
  defer { close(descriptor) }
  var limit = timeval(tv_sec: 10, tv_usec: 0)
  setsockopt(
    descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  _ = bytes.withUnsafeBytes {
    send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
  }
  var answer: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 65_536)
  while true {
    let count = recv(descriptor, &chunk, chunk.count, 0)
    guard count > 0 else { return String(decoding: answer, as: UTF8.self) }
    answer += chunk[..<count]
  }
}

func connectRaw(toPort port: Int) throws -> Int32 {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  guard descriptor >= 0 else { throw TestSetupError(what: "socket", code: errno) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = UInt16(port).bigEndian
  address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
  let result = withUnsafePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
  guard result == 0 else {
    let code = errno
    close(descriptor)
    throw TestSetupError(what: "connect to port \(port)", code: code)
  }
  return descriptor
}

extension TestCluster {
  /// The TCP ports on which coordinator and sidecars listen, as the kernel tells.
  func listeningPorts() throws -> [Int] {
    let processes =
      nodes.compactMap { $0.sidecar?.processID } + [coordinator?.processID].compactMap(\.self)
    var sockets: Set<String> = []
    for process in processes {
      let folder = "/proc/\(process)/fd"
      for entry in try FileManager.default.contentsOfDirectory(atPath: folder) {
        let target = try? FileManager.default.destinationOfSymbolicLink(
          atPath: "\(folder)/\(entry)")
        if let target, target.hasPrefix("socket:[") {
          sockets.insert(String(target.dropFirst("socket:[".count).dropLast()))
        }
      }
    }
    let table = try String(contentsOfFile: "/proc/net/tcp", encoding: .utf8)
    return table.split(separator: "\n").dropFirst().compactMap { line in
      let fields = line.split(separator: " ")
      guard fields.count > 9, fields[3] == "0A", sockets.contains(String(fields[9])) else {
        return nil
      }
      return fields[1].split(separator: ":").last.flatMap { Int($0, radix: 16) }
    }
  }
}
