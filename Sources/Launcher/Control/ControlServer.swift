import CommandLineKit
import Glibc

/// The control socket of a run: takes one request from each connection and gives one answer.
///
/// Only the user who started the run may connect (mode 0600).
final class ControlServer: PolledPart {
  /// Connections at once; more wait until one ends.
  static let maximumConnections = 16
  /// The longest request.
  static let maximumBytes = 65_536
  /// How long a connection may take to send its request, or to take its answer.
  static let patience = Duration.seconds(5)

  private final class Connection {
    let descriptor: Int32
    var received: [UInt8] = []
    var answer: ArraySlice<UInt8>?
    /// `nil` while the request is worked on.
    var deadline: Duration?

    init(_ descriptor: Int32, deadline: Duration) {
      self.descriptor = descriptor
      self.deadline = deadline
    }
  }

  private let listener: Int32
  private let onRequest: (ControlRequest, @escaping (ControlAnswer) -> Void) -> Void
  private var connections: [Connection] = []
  /// What the entries of the last `poll` belong to, after the listener's.
  private var polled: [Connection] = []
  private var now = Duration.zero

  /// - Parameter onRequest: gets each request and what takes its answer, to be called once.
  init(
    layout: RunLayout,
    onRequest: @escaping (ControlRequest, @escaping (ControlAnswer) -> Void) -> Void
  ) throws(ProgramError) {
    listener = try LocalSocket.listen(
      folder: layout.run, name: RunLayout.controlSocket, mode: 0o600)
    self.onRequest = onRequest
  }

  deinit {
    close(listener)
    for connection in connections { close(connection.descriptor) }
  }

  func pollEntries() -> [pollfd] {
    polled = connections
    let isFull = connections.count >= Self.maximumConnections
    let accepting = pollfd(fd: isFull ? -1 : listener, events: Int16(POLLIN), revents: 0)
    return [accepting]
      + connections.map { connection in
        if connection.answer != nil {
          return pollfd(fd: connection.descriptor, events: Int16(POLLOUT), revents: 0)
        }
        // One whose request is worked on is not waited for: it has nothing more to say.
        let isWaiting = connection.deadline != nil
        return pollfd(
          fd: isWaiting ? connection.descriptor : -1, events: Int16(POLLIN), revents: 0)
      }
  }

  var deadline: Duration? { connections.compactMap(\.deadline).min() }

  func react(to entries: ArraySlice<pollfd>, at now: Duration) {
    self.now = now
    for (entry, connection) in zip(entries.dropFirst(), polled)
    where entry.isDue && connections.contains(where: { $0 === connection }) {
      if connection.answer == nil { receive(connection) } else { send(connection) }
    }
    polled = []
    for connection in connections {
      if let deadline = connection.deadline, deadline <= now { end(connection) }
    }
    if let first = entries.first, first.isDue, let descriptor = LocalSocket.accept(listener) {
      connections.append(Connection(descriptor, deadline: now + Self.patience))
    }
  }

  private func receive(_ connection: Connection) {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = read(connection.descriptor, &buffer, buffer.count)
    if count < 0, errno == EAGAIN || errno == EINTR { return }
    guard count > 0 else { return end(connection) }
    connection.received += buffer[..<count]
    guard let newline = connection.received.firstIndex(of: UInt8(ascii: "\n")) else {
      if connection.received.count > Self.maximumBytes {
        answer(connection, ControlAnswer(ProgramError("the request is too long", status: .usage)))
      }
      return
    }
    connection.deadline = nil
    do throws(ProgramError) {
      let request = try ControlRequest(line: Array(connection.received[..<newline]))
      onRequest(request) { [weak self, weak connection] answer in
        guard let self, let connection else { return }
        self.answer(connection, answer)
      }
    } catch {
      answer(connection, ControlAnswer(error))
    }
  }

  private func answer(_ connection: Connection, _ answer: ControlAnswer) {
    guard connection.answer == nil else { return }
    connection.answer = Array("\(answer.json.compact)\n".utf8)[...]
    connection.deadline = now + Self.patience
    send(connection)
  }

  private func send(_ connection: Connection) {
    guard let rest = connection.answer else { return }
    let count = write(connection.descriptor, Array(rest), rest.count)
    if count < 0, errno == EAGAIN || errno == EINTR { return }
    connection.answer = rest.dropFirst(max(0, count))
    if count < 0 || connection.answer?.isEmpty == true { end(connection) }
  }

  private func end(_ connection: Connection) {
    guard let index = connections.firstIndex(where: { $0 === connection }) else { return }
    connections.remove(at: index)
    close(connection.descriptor)
  }
}
