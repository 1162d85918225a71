import Testing

/// A wrong topology file and what is said about it.
struct Mistake: Sendable, CustomTestStringConvertible {
  let text: String
  /// Lines of `line:column: message`.
  let expected: String

  init(_ text: String, _ expected: String...) {
    self.text = text
    self.expected = expected.joined(separator: "\n")
  }

  var testDescription: String { expected }

  /// A file that is right but for `lines`, which begin in line 3.
  private static func with(_ lines: String, _ expected: String...) -> Mistake {
    let text = "version: 1\nname: t\n\(lines)\nservices: [{name: a, function: {command: x}}]\n"
    return Mistake(text, expected.joined(separator: "\n"))
  }

  /// A file with these services, the first of which begins in line 4.
  private static func services(_ lines: String, _ expected: String...) -> Mistake {
    let text = "version: 1\nname: t\nservices:\n\(lines)\n"
    return Mistake(text, expected.joined(separator: "\n"))
  }

  static let all: [Mistake] = whole + topology + service + ports + autoscaler

  private static let autoscaler: [Mistake] = [
    .with(
      "autoscaler: {services: [b], minimum: 3, maximum: 2}",
      "3:25: autoscaler names the service 'b'; did you mean 'a'?",
      "3:38: minimum of autoscaler is 3, more than maximum, 2"),
    .with(
      "autoscaler: {target_functions: much, margin: 2, scaler: launch}",
      "3:32: target_functions of autoscaler is 'much', not a number",
      "3:46: margin of autoscaler is 2; it can be 0.0 to 0.5",
      "3:57: scaler of autoscaler is 'launch'; did you mean 'launcher'?"),
    .with(
      "autoscaler: {window: 3s, tick: 5s, down_deadline: 1s}",
      "3:22: window of autoscaler is 3s, shorter than rate_window, 6s unless it is named",
      "3:51: down_deadline of autoscaler is 1s, shorter than tick, 5s"),
    .with(
      "defaults: {nodes: 3, replication: 2}\nautoscaler: {maximum: 2}",
      "4:13: service 'a' keeps 2 copies, so autoscaler never leaves it fewer nodes; write minimum: 2",
      "4:23: service 'a' starts with 3 nodes, more than maximum of autoscaler, 2"),
  ]

  private static let whole: [Mistake] = [
    Mistake("", "1:1: the file is empty; a topology has version, name and services"),
    Mistake("- 1", "1:1: a topology is a list, not a mapping of keys"),
    Mistake("a: [", "2:1: not valid YAML: did not find expected node content"),
    Mistake(
      "name: t\nservices: []", "1:1: version is missing; write version: 1",
      "2:11: services is empty; a topology has at least one service"),
    Mistake(
      "version: 2\nname: a b", "1:1: services is missing; a topology has at least one service",
      "1:10: version is '2'; this program reads version 1",
      "2:7: name is 'a b'; it can be 1 to 56 letters, digits, '-' and '_'"),
    .with("name: u", "2:1: given twice in one mapping: 'name'"),
  ]

  private static let topology: [Mistake] = [
    .with("serviecs: []", "3:1: unknown key 'serviecs' in a topology; did you mean 'services'?"),
    .with(
      "zebra: 1",
      "3:1: unknown key 'zebra' in a topology; known keys are version, name, data, ephemeral, "
        + "defaults, coordinator, ports, bus_key, services, chaos, autoscaler"),
    .with(
      "data: x\nephemeral: true", "3:7: data and ephemeral: true exclude each other; keep one"),
    .with("ephemeral: maybe", "3:12: ephemeral is 'maybe'; write true or false"),
    .with(
      "data: ${NOPE}/x",
      "3:7: data: ${NOPE} has no value; it can be ${bin}, ${topology} or an environment variable"),
    .with(
      "coordinator: {aprove_plans: true, admin: 0}",
      "3:15: unknown key 'aprove_plans' in coordinator; did you mean 'approve_plans'?",
      "3:42: the coordinator's admin port is 0; it can be 1 to 65535"),
    .with(
      "coordinator: {port: 9400, admin: 9401}",
      "3:34: port 9401 is the coordinator's admin port and also the coordinator's publishing port; "
        + "choose another"),
    .with(
      "chaos: true\ncoordinator: {port: 9400}",
      "4:21: the coordinator's port and chaos: true exclude each other: the bus has no ports then"),
    .with("data: ${NOPE", "3:7: data: '${NOPE' has a '${' without '}'"),
  ]

  private static let service: [Mistake] = [
    .services(
      "  - name: a\n    shard: 3\n    nodes: 0\n    passivation_timeout: 30",
      "4:5: service 'a' has no function; write function: {command: [...]}, function: "
        + "{endpoint: ...} or function: {embedded: [...]}",
      "5:5: unknown key 'shard' in a service; did you mean 'shards'?",
      "6:12: nodes of service 'a' is 0; it can be 1 to 100",
      "7:26: passivation_timeout of service 'a': '30' is not a duration; write numbers with "
        + "units, like 250ms, 10s, 5m or 24h"),
    .services(
      "  - {name: a, replication: 3, nodes: 2, ack: insync, function: {command: x}}",
      "4:28: replication of service 'a' is 3, and it has 2 nodes; a node keeps one copy of a shard at "
        + "most", "4:46: ack of service 'a' is 'insync'; did you mean 'in-sync'?"),
    .services(
      "  - {name: a, function: {embedded: x, directory: y}}\nchaos: true",
      "4:50: directory of service 'a' and chaos: true exclude each other for an embedded function: a "
        + "node then runs in the folder of its links"),
    .services(
      "  - name: a\n    function: {}\n  - name: b\n    function: {command: []}",
      "5:15: the function of service 'a' needs a command to start, the endpoint of one "
        + "that runs, or the program it is embedded in",
      "7:25: command of service 'b' is empty"),
    .services(
      "  - name: a\n    function:\n      command: x\n      endpoint: y",
      "7:17: command and endpoint of service 'a' exclude each other; keep one"),
    .services(
      "  - name: a\n    function: {embedded: x, socket: unix}",
      "5:37: socket of service 'a' is for a command; an embedded function listens nowhere"),
    .services(
      "  - name: a\n    function: {endpoint: 8080, socket: unix}",
      "5:26: endpoint of service 'a' is '8080'; write HOST:PORT, like 127.0.0.1:8080",
      "5:40: socket of service 'a' is for a command; a function with an endpoint already runs"),
    .services(
      "  - name: a\n    function: {command: \"x 'y\", socket: unx}",
      "5:25: command of service 'a' has a quote that is not closed",
      "5:41: socket of service 'a' is 'unx'; did you mean 'unix'?"),
    .services(
      "  - {name: a, function: {command: x}}\n  - {name: a, function: {command: x}}",
      "5:12: service 'a' is already defined in line 4"),
    .services(
      "  - function: {command: x}\n    nodes: [1]\n    env: [1]",
      "4:5: the name of a service is missing",
      "5:12: nodes of a service is a list, not a whole number",
      "6:10: env of a service is a list, not a mapping"),
    .services(
      "  - {name: a, idempotency_retention: 5ms, function: {command: x}}",
      "4:38: idempotency_retention of service 'a' is 5ms; it can be 1s to 8760h"),
    .services(
      "  - {name: a, function: {command: x}, tls: {cert: c.pem, kye: k.pem}, cors_origins: ['a,b']}",
      "4:44: tls of service 'a' has no key; write tls: {cert: FILE, key: FILE}",
      "4:58: unknown key 'kye' in tls of service 'a'; did you mean 'key'?",
      "4:86: an origin of service 'a' is 'a,b'; write one in each entry"),
  ]

  private static let ports: [Mistake] = [
    .with(
      "ports: random", "3:8: ports is 'random'; write free, or a mapping like {base: 9000}"),
    .with("ports: {base: 0}", "3:15: the base of ports is 0; it can be 1 to 65535"),
    .with("ports: {base: high}", "3:15: the base of ports is 'high', not a whole number"),
    .with(
      "ports: {bsae: 9000}", "3:8: ports has no base; write ports: {base: 9000} or ports: free",
      "3:9: unknown key 'bsae' in ports; did you mean 'base'?"),
    .with(
      "ports: {base: 9000}\ncoordinator: {port: 9001}\ndefaults: {nodes: 2}",
      "4:21: port 9001 is the coordinator's port and also the public port of a-2; choose another"),
    .with(
      "ports: {base: 65500}",
      "3:15: the management port of a-1 would be 65600; the largest port is 65535"),
    .services(
      "  - {name: a, function: {endpoint: 'localhost:9100'}}\nports: {base: 9000}",
      "5:15: port 9100 is the management port of a-1 and also the function of a; choose another"),
    .services(
      "  - {name: a, function: {endpoint: '127.0.0.2:9100'}}\nports: {base: 9000}",
      "5:15: port 9100 is the management port of a-1 and also the function of a; choose another"),
    .services(
      "  - {name: a, function: {endpoint: '0.0.0.0:9000'}}\nports: {base: 9000}",
      "5:15: port 9000 is the public port of a-1 and also the function of a; choose another"),
    .services(
      "  - {name: a, function: {command: x}}\n  - {name: b, function: {command: x}}\n"
        + "defaults: {nodes: 60}",
      "5:12: 120 nodes; a topology has at most 100"),
  ]
}
