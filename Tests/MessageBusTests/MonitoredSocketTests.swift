import Testing
import ZeroMQ

/// Sockets that end while libzmq reports of them.
struct MonitoredSocketTests {
  private final class Client {
    let connection: MonitoredSocket
    private let poller: SocketPoller

    init(to endpoint: String, in context: Context) throws {
      connection = try MonitoredSocket(
        .dealer, [.linger(0), .reconnectInterval(1), .maximumReconnectInterval(1)], in: context)
      poller = try SocketPoller(EventCounter())
      try connection.join(poller)
      try connection.socket.connect(endpoint)
    }

    /// Whether the connection stood in time.
    func waitUntilConnected() throws -> Bool {
      let deadline = ContinuousClock.now + .seconds(10)
      while ContinuousClock.now < deadline {
        try poller.wait(milliseconds: 100)
        while let event = try connection.monitor.next() {
          if event == .established { return true }
        }
      }
      return false
    }
  }

  @Test("Connections that break while their sockets end do not hold up the others")
  func end() throws {
    let context = try Context()
    for round in 1...100 {
      var server: Server? = try Server(in: context)
      let endpoint = try #require(try server?.endpoint)
      var clients = try (0..<64).map { _ in try Client(to: endpoint, in: context) }
      for client in clients {
        guard try client.waitUntilConnected() else {
          // The end of a context waits for its I/O thread, and this one waits for ever.
          _ = Unmanaged.passRetained(context)
          Issue.record("round \(round): libzmq's I/O thread does nothing any more")
          return
        }
      }
      // What the I/O thread has to say of the broken connections and the end of their sockets now coincide.
      server = nil
      clients.removeAll()
    }
  }

  private final class Server {
    let socket: Socket

    init(in context: Context) throws {
      socket = try Socket(.router, in: context)
      try socket.set(.linger(0))
      try socket.bind("tcp://127.0.0.1:*")
    }

    var endpoint: String { get throws { try socket.lastEndpoint() } }
  }
}
