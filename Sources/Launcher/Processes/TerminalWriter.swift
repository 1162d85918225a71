import CommandLineKit
import Glibc

/// Writes lines to standard error without ever being stopped by it.
///
/// A terminal may be paused and a pipe's reader may be slow, and a supervisor that waits for them
/// would not see a crash or Ctrl-C. A reader who is late is waited for once, briefly; then lines are
/// dropped until it reads again, and their number is told. Logs on disk hold every line.
struct TerminalWriter {
  private static let patienceMilliseconds: Int32 = 200
  /// A pipe or terminal that polls as writable takes this many bytes at once (PIPE_BUF of pipe(7)).
  private static let safeBytes = 4096

  private let descriptor: Int32
  private var dropped = 0

  init(descriptor: Int32 = STDERR_FILENO) { self.descriptor = descriptor }

  mutating func write(_ line: String) {
    guard isWritable(patience: dropped == 0 ? Self.patienceMilliseconds : 0) else {
      dropped += 1
      return
    }
    if dropped > 0 {
      send("(\(dropped) lines not shown because the terminal did not take them)\n")
      dropped = 0
    }
    send("\(line)\n")
  }

  private func send(_ text: String) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      guard isWritable(patience: Self.patienceMilliseconds) else { return }
      let piece = Array(rest.prefix(Self.safeBytes))
      let count = Glibc.write(descriptor, piece, piece.count)
      if count < 0, errno != EINTR { return }
      rest = rest.dropFirst(max(0, count))
    }
  }

  private func isWritable(patience: Int32) -> Bool {
    var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    // A signal that interrupts the wait counts as not writable; the next line tries again.
    return poll(&waiting, 1, patience) == 1 && waiting.revents & Int16(POLLOUT) != 0
  }
}
