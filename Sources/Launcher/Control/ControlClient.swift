package import CommandLineKit
import Glibc
import SettingsReading

extension RunControl {
  /// Asks the supervisor of the run for something and waits for its answer.
  ///
  /// - Parameters:
  ///   - limit: the longest wait.
  ///   - onWait: called about five times a second while there is no answer.
  /// - Throws: ``ProgramError``: `notFound` when nothing runs, `unreachable` when no answer came, and
  ///   the refusal when the answer is one.
  package func ask(
    _ request: ControlRequest, within limit: Duration = .seconds(10), onWait: () -> Void = {}
  ) throws(ProgramError) -> ControlAnswer {
    _ = try state()
    let descriptor = try LocalSocket.connect(
      folder: layout.run, name: RunLayout.controlSocket)
    defer { close(descriptor) }
    let end = ContinuousClock.now + limit
    var rest = Array("\(request.json.compact)\n".utf8)[...]
    var received: [UInt8] = []
    while ContinuousClock.now < end {
      var entry = pollfd(
        fd: descriptor, events: Int16(rest.isEmpty ? POLLIN : POLLOUT), revents: 0)
      guard poll(&entry, 1, 200) == 1 else {
        onWait()
        continue
      }
      if !rest.isEmpty {
        let count = write(descriptor, Array(rest), rest.count)
        if count < 0, errno != EAGAIN, errno != EINTR {
          throw .system("cannot ask cs-up", code: errno, status: .unreachable)
        }
        rest = rest.dropFirst(max(0, count))
        continue
      }
      var buffer = [UInt8](repeating: 0, count: 4096)
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EAGAIN || errno == EINTR { continue }
      guard count > 0 else {
        throw ProgramError("cs-up ended before it answered", status: .unreachable)
      }
      received += buffer[..<count]
      if let newline = received.firstIndex(of: UInt8(ascii: "\n")) {
        let answer = try ControlAnswer(line: Array(received[..<newline]))
        if let error = answer.error { throw error }
        return answer
      }
    }
    throw ProgramError(
      "cs-up did not answer within \(limit.text)", hint: "cs-up ps --data \(layout.data)",
      status: .unreachable)
  }
}
