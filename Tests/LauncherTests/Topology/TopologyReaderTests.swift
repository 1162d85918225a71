import SettingsReading
import TestSupport
import Testing

@testable import Launcher

private func read(_ text: String) throws -> Topology {
  let environment = ["HOME": "/home/me"]
  var reader = TopologyReader(
    file: "t.yaml", folder: "/work/t", programs: "/opt/bin", environment: { environment[$0] })
  return try reader.read(text)
}

/// What is wrong with `text`, one `line:column: message` per line.
private func problems(_ text: String) -> String {
  do {
    _ = try read(text)
    return "none"
  } catch let error as InvalidSettings {
    return error.description.replacing("t.yaml:", with: "")
  } catch {
    return "\(error)"
  }
}

@Suite("Reading topology files")
struct TopologyReaderTests {
  @Test("every key is read, defaults are merged, paths and placeholders expanded")
  func complete() throws {
    let topology = try read(
      """
      version: 1
      name: shop
      data: ../data/${HOME}/$$x
      defaults:
        nodes: 2
        shards: 16
        passivation_timeout: 30s
        env: {A: default, B: default}
      coordinator: {port: 9400, admin: 9402, approve_plans: true}
      ports: {base: 9000}
      services:
        - name: cart
          function:
            command: ["${bin}/cart", --folder, "${topology}"]
            env: {MODE: fast, N: 5}
            directory: sub
            socket: unix
          nodes: 3
          replication: 3
          ack: local
          max_streams: 8
          idempotency_retention: 24h
          env: {B: own}
        - name: other
          function: {endpoint: "127.0.0.1:8080"}
        - name: third
          function: {command: "python 'my cart.py' ${HOME}"}
        - name: fourth
          function: {embedded: ["${bin}/cart-node", --fast], env: {MODE: fast}, directory: sub}
      """)
    #expect(topology.name == "shop")
    #expect(topology.data == .directory("/work/data/home/me/$x"))
    #expect(topology.coordinator.port?.value == 9400)
    #expect(topology.coordinator.adminPort?.value == 9402)
    #expect(topology.coordinator.approvesPlans)
    #expect(topology.ports.value == .base(9000))
    #expect(topology.services.map(\.name) == ["cart", "other", "third", "fourth"])
    #expect(topology.services.map(\.nodes) == [3, 2, 2, 2])
    let cart = topology.services[0]
    #expect(cart.function.origin == .command(["/opt/bin/cart", "--folder", "/work/t"]))
    #expect(cart.function.environment == ["MODE": "fast", "N": "5"])
    #expect(cart.function.directory == "/work/t/sub")
    #expect(cart.function.socket == .unix)
    #expect(
      cart.settings
        == Topology.NodeSettings(
          shards: 16, passivationTimeout: .seconds(30), maxStreams: 8,
          idempotencyRetention: .seconds(86_400)))
    #expect(cart.copies == CopySettings(replication: 3, acknowledgement: .local))
    #expect(cart.environment == ["A": "default", "B": "own"])
    #expect(topology.services[1].function.origin == .endpoint(.loopback(8080)))
    #expect(
      topology.services[2].function.origin == .command(["python", "my cart.py", "/home/me"]))
    let embedded = topology.services[3].function
    #expect(embedded.origin == .embedded(["/opt/bin/cart-node", "--fast"]))
    #expect(embedded.environment == ["MODE": "fast"])
    #expect(embedded.directory == "/work/t/sub")
  }

  @Test("a short file gets defaults")
  func short() throws {
    let topology = try read("{version: 1, name: t, services: [{name: a, function: {command: x}}]}")
    #expect(topology.data == .directory("/work/t/.cloudstate/t"))
    #expect(topology.ports.value == .free)
    #expect(topology.services[0].nodes == 1)
    #expect(topology.services[0].settings == Topology.NodeSettings())
    #expect(topology.services[0].copies == CopySettings())
    #expect(topology.services[0].function.directory == "/work/t")
  }

  static let head = "version: 1\nname: t\n"
  static let service = "services: [{name: a, function: {command: x}}]\n"

  @Test("mistakes are named with line, column and what to write", arguments: Mistake.all)
  func mistakes(_ mistake: Mistake) {
    #expect(problems(mistake.text) == mistake.expected)
  }

  @Test("several coordinators and the members of etcd that they share")
  func severalCoordinators() throws {
    let coordinator = try read(
      Self.head + Self.service
        + "coordinator: {count: 3, port: 9300, admin: 9400, etcd: {port: 9500, lease: 3s}}"
    ).coordinator
    #expect(coordinator.count == 3)
    #expect(coordinator.etcdMembers == 3)
    #expect(coordinator.etcd?.port?.value == 9500)
    #expect(coordinator.etcd?.lease == .seconds(3))
    let others = try read(
      Self.head + Self.service
        + "coordinator: {count: 2, etcd: {endpoints: ['http://a:1', 'https://b:2']}}"
    ).coordinator
    #expect(others.etcd?.origin == .endpoints(["http://a:1", "https://b:2"]))
    #expect(others.etcdMembers == 0)
  }

  @Test(
    "what does not go with several coordinators is named",
    arguments: [
      ("coordinator: {count: 3}", "4:22: 3 coordinators need an etcd that they share"),
      ("coordinator: {count: 8}", "4:22: count of the coordinator is 8; it can be 1 to 7"),
      (
        "ephemeral: true\ncoordinator: {etcd: {members: 2}}",
        "5:31: members of etcd is 2, which outlives no more losses than 1"
      ),
      ("coordinator: {count: 3, etcd: {}}", "4:31: etcd keeps the addresses of its members"),
      (
        "ephemeral: true\nchaos: true\ncoordinator: {etcd: {}}",
        "6:21: etcd and chaos: true exclude each other"
      ),
      (
        "coordinator: {etcd: {members: 3, endpoints: ['http://a:1']}}",
        "4:31: endpoints and members exclude each other"
      ),
      ("coordinator: {etcd: {endpoints: [a]}}", "4:34: 'a' is no endpoint of etcd"),
      ("coordinator: {etcd: {endpoints: []}}", "4:33: endpoints of etcd is empty"),
      (
        "coordinator: {port: 9000, etcd: {port: 9001}}",
        "port 9001 is etcd-1's port for clients and also the coordinator's publishing port"
      ),
      (
        "coordinator: {etcd: {port: 9001}}\nports: {base: 9006}",
        "port 9006 is the public port of a-1 and also etcd-3's port for other members"
      ),
    ])
  func coordinatorMistakes(text: String, expected: String) {
    let found = problems(Self.head + Self.service + text)
    #expect(found.contains(expected), "\(found)")
  }

  @Test("a service is not called like other processes")
  func takenNames() {
    let text =
      Self.head + "ephemeral: true\nservices: [{name: etcd, function: {command: x}}]\n"
      + "coordinator: {etcd: {}}"
    #expect(problems(text).contains("the service 'etcd' needs another name"), "\(problems(text))")
  }

  @Test("services may share a running function")
  func sharedFunction() {
    let text =
      Self.head + "services:\n  - {name: a, function: {endpoint: 'localhost:8080'}}\n"
      + "  - {name: b, function: {endpoint: 'localhost:8080'}}"
    #expect(problems(text) == "none")
  }

  @Test("every file in Topologies loads")
  func files() throws {
    let folder = "\(repositoryFolder)/Topologies"
    let names = try #require(try? FileNames.inFolder(folder))
    let files = names.filter { $0.hasSuffix(".yaml") }
    #expect(files.count >= 3)
    for file in files {
      let topology = try loadTopology("\(folder)/\(file)", programs: "/opt/bin")
      #expect("\(topology.name).yaml" == file)
    }
  }

  @Test("--nodes changes numbers of nodes")
  func scale() throws {
    var topology = try read(
      Self.head + "services: [{name: a, function: {command: x}}, "
        + "{name: b, function: {command: x}}]")
    try topology.scale("3")
    try topology.scale("b=5")
    #expect(topology.services.map(\.nodes) == [3, 5])
    for text in ["0", "x", "a=", "c=2", "101"] {
      #expect(throws: (any Error).self) { try topology.scale(text) }
    }
  }
}
