import CommandLineKit
import Testing

@testable import Launcher

@Suite("Changing the number of nodes")
struct ScalingTests {
  private static func fewer(_ nodes: String...) -> Scaling {
    Scaling(service: "cart", nodes: nodes, adds: false, deadline: .seconds(60))
  }

  /// The nodes are to be drained.
  private static func draining(_ nodes: String...) -> Scaling {
    var machine = Scaling(service: "cart", nodes: nodes, adds: false, deadline: .seconds(60))
    #expect(machine.begin(at: .zero) == [.askForShards])
    #expect(machine.handle(.shards([:]), at: .zero) == [.remember(nodes)])
    #expect(machine.handle(.remembered, at: .zero) == nodes.map { .drain($0) })
    return machine
  }

  @Test("who is to go is noted before a drain, and what somebody else has drained stays so")
  func drainedByHand() {
    var machine = Self.fewer("cart-3", "cart-2")
    #expect(machine.begin(at: .zero) == [.askForShards])
    #expect(machine.handle(.tick, at: .milliseconds(500)) == [.askForShards])
    let counts = ["cart-3": 2, "cart-2": 2]
    #expect(
      machine.handle(.shards(counts, drained: ["cart-3", "cart-1"]), at: .seconds(1))
        == [.remember(["cart-2"])])
    #expect(machine.handle(.tick, at: .seconds(2)) == [.askForShards], "nothing is noted yet")
    var unable = machine
    #expect(machine.handle(.remembered, at: .seconds(2)) == [.drain("cart-3"), .drain("cart-2")])
    for node in machine.nodes { _ = machine.handle(.drainAccepted(node), at: .seconds(2)) }
    _ = machine.handle(.shards(counts, drained: ["cart-3", "cart-2"]), at: .seconds(3))
    #expect(
      machine.handle(.tick, at: .seconds(60)) == [
        .undrain("cart-2"), .finish(.notDrained(counts)),
      ])
    #expect(
      unable.handle(.notRemembered("the disk is full"), at: .seconds(2)) == [
        .finish(.notRemembered("the disk is full"))
      ])
  }

  @Test("more nodes: done when all are ready, or given up at the deadline")
  func more() {
    var machine = Scaling(
      service: "cart", nodes: ["cart-2", "cart-3"], adds: true, deadline: .seconds(60))
    #expect(machine.begin(at: .zero) == machine.nodes.map { .undrain($0) })
    #expect(machine.handle(.ready(1), at: .seconds(1)) == [])
    #expect(machine.nextDeadline == .seconds(60))
    var late = machine
    #expect(machine.handle(.ready(2), at: .seconds(2)) == [.finish(.done)])
    #expect(late.handle(.tick, at: .seconds(60)) == [.finish(.notReady(1))])
  }

  @Test("fewer nodes: all are drained at once, and end one by one, the highest first")
  func fewer() {
    var machine = Self.draining("cart-3", "cart-2")
    _ = machine.handle(.drainAccepted("cart-3"), at: .zero)
    _ = machine.handle(.drainAccepted("cart-2"), at: .zero)
    #expect(machine.handle(.tick, at: .milliseconds(500)) == [.askForShards])
    #expect(machine.handle(.shards(["cart-3": 2, "cart-2": 0]), at: .seconds(1)) == [])
    #expect(machine.activity == "cart-3 has 2 shards left, cart-2 has 0 shards left")
    let empty = machine.handle(.shards(["cart-3": 0, "cart-2": 0, "cart-1": 9]), at: .seconds(2))
    #expect(empty == [.retire("cart-3")])
    #expect(machine.handle(.shards(["cart-3": 0, "cart-2": 0]), at: .seconds(3)) == [])
    #expect(machine.handle(.retired("cart-3"), at: .seconds(4)) == [.retire("cart-2")])
    #expect(machine.handle(.retired("cart-2"), at: .seconds(5)) == [.finish(.done)])
  }

  @Test("a node without shards stays until the coordinator has taken in that it is to be drained")
  func drainedFirst() {
    var machine = Self.draining("cart-2")
    #expect(machine.handle(.shards([:]), at: .seconds(1)) == [])
    #expect(machine.handle(.tick, at: .seconds(1)) == [.drain("cart-2"), .askForShards])
    _ = machine.handle(.drainAccepted("cart-2"), at: .seconds(1))
    #expect(machine.handle(.shards([:]), at: .seconds(2)) == [.retire("cart-2")])
  }

  @Test("a refused drain ends it, and what was accepted is taken back")
  func refused() {
    var machine = Self.draining("cart-3", "cart-2")
    _ = machine.handle(.drainAccepted("cart-3"), at: .zero)
    #expect(
      machine.handle(.drainRefused("cart-2", reason: "no"), at: .seconds(1)) == [
        .undrain("cart-3"), .finish(.refused("cart-2", reason: "no")),
      ])
    #expect(machine.handle(.shards([:]), at: .seconds(2)) == [])
  }

  @Test("at the deadline those that still have shards stay; one that is stopping is waited for")
  func deadline() {
    var machine = Self.draining("cart-3", "cart-2")
    for node in ["cart-3", "cart-2"] { _ = machine.handle(.drainAccepted(node), at: .zero) }
    _ = machine.handle(.shards(["cart-2": 4]), at: .seconds(1))
    #expect(machine.handle(.tick, at: .seconds(61)) == [])
    #expect(machine.handle(.retired("cart-3"), at: .seconds(62)) == [])
    #expect(
      machine.handle(.tick, at: .seconds(62)) == [
        .undrain("cart-2"), .finish(.notDrained(["cart-2": 4])),
      ])
  }

  @Test("a silent coordinator is asked again until the deadline, and named then")
  func silent() {
    var unheard = Self.fewer("cart-2")
    _ = unheard.begin(at: .zero)
    _ = unheard.handle(.coordinatorSilent("refused"), at: .zero)
    #expect(unheard.handle(.tick, at: .seconds(30)) == [.askForShards])
    #expect(unheard.handle(.tick, at: .seconds(60)) == [.finish(.coordinatorSilent("refused"))])
    var machine = Self.draining("cart-2")
    _ = machine.handle(.coordinatorSilent("refused"), at: .zero)
    #expect(machine.handle(.tick, at: .seconds(30)) == [.drain("cart-2"), .askForShards])
    #expect(
      machine.handle(.tick, at: .seconds(60)) == [
        .undrain("cart-2"), .finish(.coordinatorSilent("refused")),
      ])
  }

  @Test("answers of the admin listener: with a length, in chunks, up to the end; others are none")
  func answers() {
    func read(_ text: String) -> AdminExchange.Answer? {
      AdminExchange.answer(Array(text.utf8))
    }
    let sized = read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc")
    #expect(sized == AdminExchange.Answer(status: 200, body: Array("ab".utf8)))
    let chunked = read(
      "HTTP/1.1 409 No\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
    #expect(chunked == AdminExchange.Answer(status: 409, body: Array("abc".utf8)))
    let open = read("HTTP/1.0 202 Accepted\r\n\r\nrest")
    #expect(open == AdminExchange.Answer(status: 202, body: Array("rest".utf8)))
    for wrong in [
      "", "HTTP/1.1 200 OK\r\n", "SSH-2.0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
      "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: \(Int.max)\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nab",
    ] {
      #expect(read(wrong) == nil, "\(wrong)")
    }
  }

  @Test("counts of shards are read, and what is no answer is refused")
  func counts() throws {
    let text = #"""
      {"nodes":[{"node":"a-1","primaries":2,"replicas":1,"zone":"x","draining":true},
      {"node":"a-2","primaries":0,"replicas":0}],"v":1}
      """#
    #expect(try NodeShards(body: Array(text.utf8)).counts == ["a-1": 3, "a-2": 0])
    #expect(try NodeShards(body: Array(text.utf8)).drained == ["a-1"])
    #expect(throws: ProgramError.self) { try NodeShards(body: Array("[]".utf8)) }
    for (body, reason) in [
      (#"{"error":"busy"}"#, "busy"), ("not\nnow", "not now"), ("", "HTTP status 409"),
    ] {
      #expect(NodeShards.reason(.init(status: 409, body: Array(body.utf8))) == reason)
    }
  }
}
