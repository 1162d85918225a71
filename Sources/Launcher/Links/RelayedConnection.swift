import CommandLineKit
import Glibc

/// One connection of the bus on its way through a relay: what the member that opened it sends forward,
/// what the other sends backward.
///
/// Each direction holds one piece of at most ``maximumPiece`` bytes; what comes after waits in the
/// sockets, and then in the sender. A direction that is held neither takes nor gives bytes, nor the end
/// of the stream: like a network that lost its way for a while, which delivers everything in the end.
final class RelayedConnection {
  static let maximumPiece = 65_536

  private struct Stream {
    var piece: ArraySlice<UInt8> = []
    /// The sender has closed its side.
    var hasEnded = false
    /// And the receiver was told.
    var isFinished = false
  }

  let source: String
  let target: String
  private let folder: String
  private let socketName: String
  private let client: Int32
  private var server: Int32?
  private var forward = Stream()
  private var backward = Stream()

  /// - Parameters:
  ///   - client: the accepted connection; closed with this value.
  ///   - folder: where the socket of the target lies, under `socketName`.
  init(source: String, target: String, client: Int32, folder: String, socketName: String) {
    self.source = source
    self.target = target
    self.client = client
    self.folder = folder
    self.socketName = socketName
  }

  deinit {
    close(client)
    if let server { close(server) }
  }

  /// The socket it goes to.
  var destination: String { "\(source)>\(socketName)" }

  /// Connects to the target once nothing is held, since a connection needs both directions.
  ///
  /// - Returns: whether the connection lives on.
  func connect(_ cuts: Cuts) -> Bool {
    guard server == nil, !cuts.holds(from: source, to: target),
      !cuts.holds(from: target, to: source)
    else { return true }
    server = try? LocalSocket.connect(folder: folder, name: socketName)
    return server != nil
  }

  /// What to wait for: at the client, then at the server. A descriptor without anything to wait for is
  /// left out, since `poll` would tell of its end again and again.
  func pollEntries(_ cuts: Cuts) -> [pollfd] {
    guard let server else { return [pollfd(fd: -1, events: 0, revents: 0)] }
    let holdsForward = cuts.holds(from: source, to: target)
    let holdsBackward = cuts.holds(from: target, to: source)
    func entry(
      _ descriptor: Int32, reading: Stream, _ readingHeld: Bool, writing: Stream,
      _ writingHeld: Bool
    ) -> pollfd {
      var events: Int32 = 0
      if !readingHeld, reading.piece.isEmpty, !reading.hasEnded { events |= POLLIN }
      if !writingHeld, !writing.piece.isEmpty { events |= POLLOUT }
      return pollfd(fd: events == 0 ? -1 : descriptor, events: Int16(events), revents: 0)
    }
    return [
      entry(client, reading: forward, holdsForward, writing: backward, holdsBackward),
      entry(server, reading: backward, holdsBackward, writing: forward, holdsForward),
    ]
  }

  /// Moves what can be moved.
  ///
  /// - Returns: whether the connection lives on.
  func move(_ cuts: Cuts) -> Bool {
    guard let server else { return true }
    if !cuts.holds(from: source, to: target), !Self.move(&forward, from: client, to: server) {
      return false
    }
    if !cuts.holds(from: target, to: source), !Self.move(&backward, from: server, to: client) {
      return false
    }
    return !(forward.isFinished && backward.isFinished)
  }

  private static func move(_ stream: inout Stream, from sender: Int32, to receiver: Int32) -> Bool {
    if stream.piece.isEmpty, !stream.hasEnded {
      var buffer = [UInt8](repeating: 0, count: maximumPiece)
      let count = read(sender, &buffer, buffer.count)
      if count > 0 {
        stream.piece = buffer[..<count]
      } else if count == 0 {
        stream.hasEnded = true
      } else if errno != EAGAIN, errno != EINTR {
        return false
      }
    }
    if !stream.piece.isEmpty {
      let count = stream.piece.withUnsafeBytes { write(receiver, $0.baseAddress, $0.count) }
      if count < 0, errno != EAGAIN, errno != EINTR { return false }
      stream.piece = stream.piece.dropFirst(max(0, count))
    }
    if stream.piece.isEmpty, stream.hasEnded, !stream.isFinished {
      stream.isFinished = true
      shutdown(receiver, Int32(SHUT_WR))
    }
    return true
  }
}
