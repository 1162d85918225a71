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
  } catch let error as InvalidTopology {
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
      coordinator: {port: 9400}
      ports: {base: 9000}
      services:
        - name: cart
          function:
            command: ["${bin}/cart", --folder, "${topology}"]
            env: {MODE: fast, N: 5}
            directory: sub
            socket: unix
          nodes: 3
          max_streams: 8
          idempotency_retention: 24h
          env: {B: own}
        - name: other
          function: {endpoint: "127.0.0.1:8080"}
        - name: third
          function: {command: "python 'my cart.py' ${HOME}"}
      """)
    #expect(topology.name == "shop")
    #expect(topology.data == .directory("/work/data/home/me/$x"))
    #expect(topology.coordinatorPort?.value == 9400)
    #expect(topology.ports.value == .base(9000))
    #expect(topology.services.map(\.name) == ["cart", "other", "third"])
    #expect(topology.services.map(\.nodes) == [3, 2, 2])
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
    #expect(cart.environment == ["A": "default", "B": "own"])
    #expect(topology.services[1].function.origin == .endpoint(.loopback(8080)))
    #expect(
      topology.services[2].function.origin == .command(["python", "my cart.py", "/home/me"]))
  }

  @Test("a short file gets defaults")
  func short() throws {
    let topology = try read("{version: 1, name: t, services: [{name: a, function: {command: x}}]}")
    #expect(topology.data == .directory("/work/t/.cloudstate/t"))
    #expect(topology.ports.value == .free)
    #expect(topology.services[0].nodes == 1)
    #expect(topology.services[0].settings == Topology.NodeSettings())
    #expect(topology.services[0].function.directory == "/work/t")
  }

  static let head = "version: 1\nname: t\n"
  static let service = "services: [{name: a, function: {command: x}}]\n"

  @Test(
    "mistakes are named with line, column and what to write",
    arguments: [
      ("", "1:1: the file is empty; a topology has version, name and services"),
      ("- 1", "1:1: a topology is a list, not a mapping of keys"),
      ("a: [", "2:1: not valid YAML: did not find expected node content"),
      (
        "name: t\nservices: []",
        "1:1: version is missing; write version: 1\n"
          + "2:11: services is empty; a topology has at least one service"
      ),
      (
        "version: 2\n" + "name: a b\n" + service,
        "1:10: version is '2'; this program reads version 1\n"
          + "2:7: name is 'a b'; it can be 1 to 56 letters, digits, '-' and '_'"
      ),
      (
        head + "servces: []\n" + service,
        "3:1: unknown key 'servces' in a topology; did you mean 'services'?"
      ),
      (
        head + "zebra: 1\n" + service,
        "3:1: unknown key 'zebra' in a topology; known keys are version, name, data, ephemeral, "
          + "defaults, coordinator, ports, services"
      ),
      (
        head + "data: x\nephemeral: true\n" + service,
        "3:7: data and ephemeral: true exclude each other; keep one"
      ),
      (head + "ephemeral: maybe\n" + service, "3:12: ephemeral is 'maybe'; write true or false"),
      (
        head + "data: ${NOPE}/x\n" + service,
        "3:7: data: ${NOPE} has no value; it can be ${bin}, ${topology} or an environment variable"
      ),
      (
        head + "ports: random\n" + service,
        "3:8: ports is 'random'; write free, or a mapping like {base: 9000}"
      ),
      (head + "ports: {base: 0}\n" + service, "3:15: the base of ports is 0; it can be 1 to 65535"),
      (
        head + "ports: {base: high}\n" + service,
        "3:15: the base of ports is 'high', not a whole number"
      ),
      (
        head + "services:\n  - name: a\n    shard: 3\n    nodes: 0\n    passivation_timeout: 30",
        "4:5: service 'a' has no function; write "
          + "function: {command: [...]} or function: {endpoint: ...}\n"
          + "5:5: unknown key 'shard' in a service; did you mean 'shards'?\n"
          + "6:12: nodes of service 'a' is 0; it can be 1 to 100\n"
          + "7:26: passivation_timeout of service 'a': '30' is not a duration; write numbers with "
          + "units, like 250ms, 10s, 5m or 24h"
      ),
      (
        head + "services:\n  - name: a\n    function: {}\n  - name: b\n    function: {command: []}",
        "5:15: the function of service 'a' needs a command to start, or the endpoint of one that "
          + "runs\n7:25: command of service 'b' is empty"
      ),
      (
        head + "services:\n  - name: a\n    function:\n      command: x\n      endpoint: y",
        "7:17: command and endpoint of service 'a' exclude each other; keep one"
      ),
      (
        head + "services:\n  - name: a\n    function: {endpoint: 8080, socket: unix}",
        "5:26: endpoint of service 'a' is '8080'; write HOST:PORT, like 127.0.0.1:8080\n"
          + "5:40: socket of service 'a' is for a command; a function with an endpoint already runs"
      ),
      (
        head + "services:\n  - name: a\n    function: {command: \"x 'y\", socket: unx}",
        "5:25: command of service 'a' has a quote that is not closed\n"
          + "5:41: socket of service 'a' is 'unx'; did you mean 'unix'?"
      ),
      (
        head + "services:\n  - name: a\n    function: {command: x}\n  - name: a\n"
          + "    function: {command: x}",
        "6:11: service 'a' is already defined in line 4"
      ),
      (
        head + "services:\n  - function: {command: x}\n    nodes: [1]\n    env: [1]",
        "4:5: the name of a service is missing\n5:12: nodes of a service is a list, not a whole "
          + "number\n6:10: env of a service is a list, not a mapping"
      ),
      (head + "name: u\n" + service, "1:1: given twice in the mapping that begins here: 'name'"),
      (
        head + "ports: {base: 9000}\ncoordinator: {port: 9001}\ndefaults: {nodes: 2}\n" + service,
        "4:21: port 9001 is the coordinator's port and also the public port of a-2; choose another"
      ),
      (
        head + "ports: {base: 9000}\nservices:\n  - name: a\n"
          + "    function: {endpoint: 'localhost:9100'}",
        "6:26: port 9100 is the function of a and also the management port of a-1; choose another"
      ),
      (
        head + "ports: {base: 65500}\n" + service,
        "3:15: the management port of a-1 would be 65600; the largest port is 65535"
      ),
      (
        head + "defaults: {nodes: 60}\nservices:\n  - {name: a, function: {command: x}}\n"
          + "  - {name: b, function: {command: x}}",
        "6:12: 120 nodes; a topology has at most 100"
      ),
    ])
  func mistakes(text: String, expected: String) {
    #expect(problems(text) == expected)
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
