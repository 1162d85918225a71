import Foundation
import TestSupport

/// A TCP connection to the loopback interface that speaks as the test says. Reads wait ten seconds at most.
final class RawConnection {
  private let descriptor: Int32

  /// - Throws: ``TestSetupError`` if nobody listens at the port.
  init(port: Int) throws {
    descriptor = try connectRaw(toPort: port)
    var limit = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  func send(_ text: String) {
    let bytes = Array(text.utf8)
    _ = bytes.withUnsafeBytes {
      Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
    }
  }

  /// What comes up to and with `end`, or until the other side closes.
  func read(until end: String) -> String { read { $0.hasSuffix(end) } }

  /// What comes until the other side closes.
  func readToEnd() -> String { read { _ in false } }

  private func read(_ isEnough: (String) -> Bool) -> String {
    var text = ""
    var byte: UInt8 = 0
    while !isEnough(text), recv(descriptor, &byte, 1, 0) == 1 {
      text += String(decoding: [byte], as: UTF8.self)
    }
    return text
  }

  func close() { Foundation.close(descriptor) }
}
