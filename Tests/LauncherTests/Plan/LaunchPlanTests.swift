import CommandLineKit
import TestSupport
import Testing

@testable import Launcher

private func plan(_ yaml: String, data: String = "/d") throws -> LaunchPlan {
  var reader = TopologyReader(
    file: "t.yaml", folder: "/t", programs: "/opt/bin", environment: { _ in nil })
  let topology = try reader.read("version: 1\nname: t\n" + yaml)
  var next: UInt16 = 20_000
  return try LaunchPlan(
    topology: topology,
    surroundings: LaunchPlan.Surroundings(programs: "/opt/bin", layout: RunLayout(data: data)),
    freePort: {
      next += 1
      return next
    })
}

@Suite("Launch plans")
struct LaunchPlanTests {
  @Test("what a topology says of autoscaling, the coordinator is told")
  func autoscaler() throws {
    let plan = try plan(
      """
      autoscaler: {minimum: 2, maximum: 5, target_functions: 1.5, window: 30s, warm_up: 500ms}
      services:
        - {name: cart, nodes: 2, function: {command: x}}
        - {name: users, nodes: 2, function: {command: x}}
      """)
    let arguments = plan.processes[0].arguments
    let start = try #require(arguments.firstIndex(of: "--autoscale"))
    #expect(
      arguments[start...].prefix(14) == [
        "--autoscale", "cart,users", "--scaler", "launcher", "--scale-minimum", "2",
        "--scale-maximum", "5", "--scale-target-functions", "1.5", "--scale-window", "30s",
        "--scale-warm-up", "500ms",
      ])
  }

  @Test("coordinator, then each node after its function, with every flag")
  func complete() throws {
    let plan = try plan(
      """
      ports: {base: 9000}
      services:
        - name: cart
          nodes: 2
          shards: 64
          passivation_timeout: 30s
          max_streams: 8
          idempotency_retention: 24h
          env: {X: y}
          function: {command: ["${bin}/cart", a], env: {MODE: fast}}
      """)
    #expect(
      plan.processes.map(\.name) == [
        "coordinator", "cart-1-function", "cart-1", "cart-2-function", "cart-2",
      ])
    #expect(plan.processes.map(\.dependencies) == [[], [], [0, 1], [], [0, 3]])
    let coordinator = plan.processes[0]
    #expect(
      coordinator.arguments == [
        "/opt/bin/cs-coordinator", "--bus", "tcp://127.0.0.1:20001", "--bus-publish",
        "tcp://127.0.0.1:20002", "--admin", "127.0.0.1:20003", "--data", "/d/coordinator",
        "--expect", "cart=2",
        "--ready-file", "/d/run/coordinator.json", "--stop-with-parent", "--log-level", "info",
      ])
    #expect(coordinator.environment == ["CS_UP_SOCKET": "/d/run/control.sock"])
    #expect(coordinator.adminAddress == .loopback(20_003))
    #expect(coordinator.readiness == .file("/d/run/coordinator.json"))
    let function = plan.processes[1]
    #expect(function.arguments == ["/opt/bin/cart", "a"])
    #expect(function.environment == ["HOST": "127.0.0.1", "PORT": "20004", "MODE": "fast"])
    #expect(function.readiness == .tcp(.loopback(20_004)))
    #expect(function.directory == "/t")
    let node = plan.processes[4]
    #expect(
      node.arguments == [
        "/opt/bin/cs-node", "--function", "127.0.0.1:20005", "--service", "cart", "--node-id",
        "cart-2", "--listen", "127.0.0.1:9001", "--management", "127.0.0.1:9101",
        "--bus", "tcp://127.0.0.1:*", "--bus-publish", "tcp://127.0.0.1:*", "--coordinator",
        "tcp://127.0.0.1:20001", "--data", "/d/cart-2", "--shards", "64",
        "--passivation-timeout", "30s", "--max-streams", "8", "--idempotency-retention", "24h",
        "--ready-file", "/d/run/cart-2.json", "--stop-with-parent", "--log-level", "info",
      ])
    #expect(node.environment == ["X": "y"])
    #expect(node.publicAddress == .loopback(9001))
    #expect(node.managementAddress == .loopback(9101))
  }

  @Test("several coordinators share an etcd, nobody waits for anybody, and nodes know all")
  func severalCoordinators() throws {
    let plan = try plan(
      """
      coordinator: {count: 2, port: 9300, admin: 9400, etcd: {members: 3, port: 9500, lease: 3s}}
      services: [{name: cart, function: {embedded: [/opt/cart]}}]
      """)
    #expect(
      plan.processes.map(\.name) == [
        "etcd-1", "etcd-2", "etcd-3", "coordinator-1", "coordinator-2", "cart-1",
      ])
    #expect(plan.processes.map(\.dependencies) == Array(repeating: [], count: 6))
    let member = plan.processes[1]
    #expect(member.role == .etcd)
    #expect(member.readiness == .tcp(.loopback(9502)))
    #expect(
      member.arguments.prefix(5) == ["etcd", "--name", "etcd-2", "--data-dir", "/d/etcd-2"])
    #expect(
      Self.value(of: "--initial-cluster", in: member.arguments)
        == "etcd-1=http://127.0.0.1:9501,etcd-2=http://127.0.0.1:9503,etcd-3=http://127.0.0.1:9505")
    let coordinator = plan.processes[4]
    #expect(
      coordinator.arguments.prefix(15) == [
        "/opt/bin/cs-coordinator", "--bus", "tcp://127.0.0.1:9302", "--bus-publish",
        "tcp://127.0.0.1:9303", "--admin", "127.0.0.1:9401", "--etcd",
        "http://127.0.0.1:9500,http://127.0.0.1:9502,http://127.0.0.1:9504", "--etcd-prefix",
        "/cloudstate/t/", "--name", "coordinator-2", "--etcd-lease", "3s",
      ])
    #expect(!coordinator.arguments.contains("--data"))
    #expect(
      Self.value(of: "--coordinator", in: plan.processes[5].arguments)
        == "tcp://127.0.0.1:9300,tcp://127.0.0.1:9302")
  }

  @Test("what protects the public listeners becomes flags, with paths from the topology's folder")
  func frontDoor() throws {
    let plan = try plan(
      """
      defaults:
        access: access.yaml
        config: node.env
        cors_origins: ["https://a.example", "https://b.example"]
      services:
        - name: cart
          function: {endpoint: "127.0.0.1:8080"}
          config: own.env
          tls: {cert: /etc/cert.pem, key: key.pem, client_ca: ca.pem}
      """)
    let arguments = plan.processes[1].arguments
    let first = try #require(arguments.firstIndex(of: "--config"))
    #expect(
      arguments[first...].prefix(12) == [
        "--config", "/t/own.env", "--tls-cert", "/etc/cert.pem", "--tls-key", "/t/key.pem",
        "--tls-client-ca", "/t/ca.pem", "--access", "/t/access.yaml", "--cors-origins",
        "https://a.example,https://b.example",
      ])
  }

  @Test("running functions are shared, and only settings that were given become flags")
  func endpoint() throws {
    let plan = try plan(
      """
      coordinator: {port: 9400}
      services: [{name: a, nodes: 2, function: {endpoint: "[::1]:8080"}}]
      """)
    #expect(plan.processes.map(\.name) == ["coordinator", "a-1", "a-2"])
    #expect(
      plan.processes[0].arguments[2...4] == [
        "tcp://127.0.0.1:9400", "--bus-publish", "tcp://127.0.0.1:9401",
      ])
    for node in plan.processes[1...] {
      #expect(node.arguments.contains("[::1]:8080"))
      #expect(!node.arguments.contains("--shards"))
      #expect(!node.arguments.contains("--max-streams"))
      #expect(node.dependencies == [0])
    }
    #expect(plan.processes[1].publicAddress == .loopback(20_002))
    #expect(plan.processes[2].managementAddress == .loopback(20_005))
  }

  @Test("an embedded function is a node by its own program, and no process beside it")
  func embedded() throws {
    let plan = try plan(
      """
      ports: {base: 9000}
      services:
        - name: cart
          nodes: 2
          shards: 64
          env: {X: y, MODE: slow}
          function: {embedded: ["${bin}/cart-node", a], env: {MODE: fast}, directory: sub}
      """)
    #expect(plan.processes.map(\.name) == ["coordinator", "cart-1", "cart-2"])
    #expect(plan.processes.map(\.role) == [.coordinator, .node, .node])
    #expect(plan.processes.map(\.dependencies) == [[], [0], [0]])
    let node = plan.processes[2]
    #expect(
      node.arguments == [
        "/opt/bin/cart-node", "a", "--service", "cart", "--node-id", "cart-2", "--listen",
        "127.0.0.1:9001", "--management", "127.0.0.1:9101", "--bus", "tcp://127.0.0.1:*",
        "--bus-publish", "tcp://127.0.0.1:*", "--coordinator", "tcp://127.0.0.1:20001", "--data",
        "/d/cart-2", "--shards", "64", "--ready-file", "/d/run/cart-2.json",
        "--stop-with-parent", "--log-level", "info",
      ])
    #expect(node.environment == ["X": "y", "MODE": "fast"])
    #expect(node.directory == "/t/sub")
  }

  @Test("copies of shards, their acknowledgement and approval of plans become flags")
  func copies() throws {
    let plan = try plan(
      """
      coordinator: {admin: 9500, approve_plans: true}
      defaults: {nodes: 3, replication: 2}
      services:
        - {name: a, function: {endpoint: "127.0.0.1:8080"}}
        - {name: b, function: {endpoint: "127.0.0.1:8080"}, replication: 3, ack: local}
        - {name: c, function: {endpoint: "127.0.0.1:8080"}, nodes: 2, ack: in-sync}
      """)
    let coordinator = plan.processes[0].arguments
    #expect(coordinator.contains("--approve-plans"))
    #expect(Self.value(of: "--admin", in: coordinator) == "127.0.0.1:9500")
    let nodes = [plan.processes[1], plan.processes[4], plan.processes[7]].map(\.arguments)
    #expect(nodes.map { Self.value(of: "--replication", in: $0) } == ["2", "3", "2"])
    #expect(nodes.map { Self.value(of: "--ack", in: $0) } == [nil, "local", "in-sync"])
  }

  @Test(
    "with chaos each member of the bus runs in a folder of links, under addresses without a path")
  func chaos() throws {
    let plan = try plan(
      "chaos: true\nservices: [{name: a, nodes: 2, function: {endpoint: '127.0.0.1:8080'}}]")
    let coordinator = plan.processes[0]
    #expect(coordinator.directory == "/d/run/links/coordinator")
    #expect(Self.value(of: "--bus", in: coordinator.arguments) == "ipc://coordinator.bus")
    let node = plan.processes[2]
    #expect(node.directory == "/d/run/links/a-2")
    #expect(Self.value(of: "--bus", in: node.arguments) == "ipc://a-2.bus")
    #expect(Self.value(of: "--bus-publish", in: node.arguments) == "ipc://a-2.pub")
    #expect(Self.value(of: "--coordinator", in: node.arguments) == "ipc://coordinator.bus")
    let embedded = try LauncherTests.plan(
      "chaos: true\nservices: [{name: a, function: {embedded: ['bin/node', x]}}]")
    #expect(embedded.processes[1].arguments.prefix(2) == ["/t/bin/node", "x"])
  }

  private static func value(of flag: String, in arguments: [String]) -> String? {
    guard let index = arguments.firstIndex(of: flag), index + 1 < arguments.count else {
      return nil
    }
    return arguments[index + 1]
  }

  @Test("the key of the bus is given to the coordinator and every node, and to no function")
  func busKey() throws {
    let plan = try plan(
      "bus_key: keys/bus.key\nservices: [{name: a, nodes: 2, function: {command: x}}]")
    let having = plan.processes.filter { process in
      zip(process.arguments, process.arguments.dropFirst()).contains {
        $0 == ("--bus-key", "/t/keys/bus.key")
      }
    }
    #expect(having.map(\.name) == ["coordinator", "a-1", "a-2"])
    let open = try LauncherTests.plan("services: [{name: a, function: {command: x}}]")
    #expect(!open.processes.contains { $0.arguments.contains("--bus-key") })
  }

  @Test("functions on Unix sockets; a path that is too long is refused")
  func unixSocket() throws {
    let yaml = "services: [{name: a, function: {command: x, socket: unix}}]"
    let plan = try plan(yaml)
    let path = "/d/run/a-1-function.sock"
    #expect(plan.processes[1].readiness == .unixSocket(path))
    #expect(plan.processes[1].environment == ["CLOUDSTATE_SOCKET": path])
    #expect(plan.processes[2].arguments.contains("unix:\(path)"))
    let error = #expect(throws: ProgramError.self) {
      try LauncherTests.plan(yaml, data: "/" + String(repeating: "x", count: 100))
    }
    #expect(error?.status == .usage)
  }

  @Test("free ports are distinct, in range, and none that is taken")
  func freePorts() throws {
    var random = SeededGenerator(seed: testSeed("free ports"))
    let busy: Set<UInt16> = Set((10_000..<32_000).filter { $0 % 4000 != 7 })
    var ports = FreePorts(taken: [12_007], using: &random) { !busy.contains($0) }
    let chosen = try (0..<4).map { _ in try ports.next() }
    #expect(chosen.sorted() == [16_007, 20_007, 24_007, 28_007])
    #expect(throws: ProgramError.self) { try ports.next() }
  }
}
