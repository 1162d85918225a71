import CommandLineKit
import Glibc
import TestSupport
import Testing

@testable import Launcher

/// Members `a` and `b` of a bus, their relays, and the real socket of `b`.
private final class Bus {
  let folder: TemporaryDirectory
  let layout: RunLayout
  let relay: LinkRelay
  let listener: Int32

  init() throws {
    folder = try TemporaryDirectory()
    layout = RunLayout(data: folder.path)
    relay = LinkRelay(layout: layout)
    try makeFolders(layout.run)
    try relay.add("a")
    try relay.add("b")
    listener = try LocalSocket.listen(
      folder: layout.links("b"), name: "b.bus", mode: 0o600)
  }

  deinit { close(listener) }

  /// Connects as `a` does to `b`.
  func connect() throws -> Int32 {
    try LocalSocket.connect(folder: layout.links("a"), name: "b.bus")
  }

  /// Lets the relay work until nothing more happens.
  func run() {
    while true {
      var entries = relay.pollEntries()
      guard poll(&entries, nfds_t(entries.count), 20) > 0 else { return }
      relay.react(to: entries[...], at: .zero)
    }
  }
}

private func send(_ text: String, _ descriptor: Int32) {
  let bytes = Array(text.utf8)
  #expect(write(descriptor, bytes, bytes.count) == bytes.count)
}

/// What can be read now; `nil` at the end of the stream, also one with bytes that nobody took.
private func received(_ descriptor: Int32) -> String? {
  var buffer = [UInt8](repeating: 0, count: 1000)
  let count = read(descriptor, &buffer, buffer.count)
  if count == 0 || (count < 0 && errno == ECONNRESET) { return nil }
  return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
}

@Suite("Relays of a bus")
struct LinkRelayTests {
  @Test("bytes and ends of streams go both ways")
  func passes() throws {
    let bus = try Bus()
    let client = try bus.connect()
    send("hello", client)
    bus.run()
    let server = try #require(LocalSocket.accept(bus.listener))
    defer { close(server) }
    #expect(received(server) == "hello")
    send("welcome", server)
    bus.run()
    #expect(received(client) == "welcome")
    close(client)
    bus.run()
    #expect(received(server) == nil)
  }

  @Test("one direction is held while the other passes; healing delivers what was held")
  func oneWay() throws {
    let bus = try Bus()
    let client = try bus.connect()
    defer { close(client) }
    bus.run()
    let server = try #require(LocalSocket.accept(bus.listener))
    defer { close(server) }
    bus.relay.cut("a", .outgoing, peers: nil)
    send("held", client)
    send("passes", server)
    bus.run()
    #expect(received(server) == "")
    #expect(received(client) == "passes")
    bus.relay.heal("a", peers: nil, drops: false)
    bus.run()
    #expect(received(server) == "held")
  }

  @Test("a member that is cut off cannot connect, and healing may lose what was held")
  func drops() throws {
    let bus = try Bus()
    bus.relay.cut("b", .incoming, peers: ["a"])
    let client = try bus.connect()
    defer { close(client) }
    send("lost", client)
    bus.run()
    #expect(LocalSocket.accept(bus.listener) == nil)
    bus.relay.heal("b", peers: nil, drops: true)
    bus.run()
    #expect(LocalSocket.accept(bus.listener) == nil)
    #expect(received(client) == nil)
  }

  @Test("a peer that is gone ends the connection, so that its other end tries again")
  func gone() throws {
    let bus = try Bus()
    unlink("\(bus.layout.links("b"))/b.bus")
    let client = try bus.connect()
    defer { close(client) }
    bus.run()
    #expect(received(client) == nil)
  }

  @Test("more than a socket takes waits in the sender")
  func backpressure() throws {
    let bus = try Bus()
    let client = try bus.connect()
    bus.run()
    let server = try #require(LocalSocket.accept(bus.listener))
    defer { close(server) }
    let piece = [UInt8](repeating: 7, count: 4096)
    var sent = 0
    var isFull = false
    // The relay does not run meanwhile: it takes what the sockets hold, and then all that waits.
    for _ in 0..<10_000 where !isFull {
      let count = write(client, piece, piece.count)
      if count > 0 { sent += count } else { isFull = true }
    }
    #expect(isFull)
    bus.run()
    #expect(write(client, piece, piece.count) == piece.count)
    sent += piece.count
    close(client)
    var total = 0
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      bus.run()
      let count = read(server, &buffer, buffer.count)
      if count == 0 { break }
      total += max(0, count)
    }
    #expect(total == sent)
  }
}
