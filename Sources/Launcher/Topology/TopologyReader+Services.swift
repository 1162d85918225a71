import CommandLineKit
import SettingsReading
import Yams

/// What `defaults` may give to all services; a service's own value wins.
struct ServiceDefaults {
  var nodes: Int?
  var settings = Topology.NodeSettings()
  var copies = CopySettings()
  var frontDoor = FrontDoorSettings()
  var environment: [String: String] = [:]
}

extension TopologyReader {
  /// What says where a function runs; exactly one of them is there.
  private static let originKeys = ["command", "endpoint", "embedded"]
  private static let settingKeys =
    [
      "nodes", "shards", "passivation_timeout", "max_streams", "idempotency_retention", "env",
    ] + copyKeys + frontDoorKeys

  mutating func serviceDefaults(_ node: Node) -> ServiceDefaults {
    guard let values = fields.mapping(node, "defaults", keys: Self.settingKeys) else {
      return ServiceDefaults()
    }
    return sharedSettings(values, of: "defaults")
  }

  mutating func services(
    _ node: Node?, defaults: ServiceDefaults, root: Node
  ) -> [Topology.Service]? {
    guard let node else {
      fields.report("services is missing; a topology has at least one service", at: root)
      return nil
    }
    guard let nodes = fields.list(node, "services") else { return nil }
    if nodes.isEmpty {
      fields.report("services is empty; a topology has at least one service", at: node)
    }
    var lineOfName: [String: Int] = [:]
    var services: [Topology.Service] = []
    for node in nodes {
      guard let service = service(node, defaults: defaults) else { continue }
      if let line = lineOfName[service.name] {
        fields.report(
          SettingsProblem(
            "service '\(service.name)' is already defined in line \(line)", at: service.location))
      }
      lineOfName[service.name] = service.location.line
      services.append(service)
    }
    return services
  }

  private mutating func service(_ node: Node, defaults: ServiceDefaults) -> Topology.Service? {
    guard
      let values = fields.mapping(node, "a service", keys: ["name", "function"] + Self.settingKeys)
    else { return nil }
    let name = name(values["name"], "the name of a service", missingAt: node)
    let title = name.map { "service '\($0)'" } ?? "a service"
    let own = sharedSettings(values, of: title)
    let function: Topology.Function?
    if let functionNode = values["function"] {
      function = self.function(functionNode, of: title)
    } else {
      fields.report(
        "\(title) has no function; write function: {command: [...]}, function: {endpoint: ...} or "
          + "function: {embedded: [...]}",
        at: node)
      function = nil
    }
    guard let name, let function else { return nil }
    let count = own.nodes ?? defaults.nodes ?? 1
    let copies = own.copies.merged(over: defaults.copies)
    checkCopies(copies, nodes: count, of: title, at: values["replication"] ?? node)
    return Topology.Service(
      name: name, location: YAMLFields.location(values["name"] ?? node), function: function,
      nodes: count,
      settings: Topology.NodeSettings(
        shards: own.settings.shards ?? defaults.settings.shards,
        passivationTimeout: own.settings.passivationTimeout
          ?? defaults.settings.passivationTimeout,
        maxStreams: own.settings.maxStreams ?? defaults.settings.maxStreams,
        idempotencyRetention: own.settings.idempotencyRetention
          ?? defaults.settings.idempotencyRetention),
      copies: copies,
      frontDoor: own.frontDoor.merged(over: defaults.frontDoor),
      environment: defaults.environment.merging(own.environment) { _, own in own })
  }

  private mutating func sharedSettings(
    _ values: [String: Node], of what: String
  ) -> ServiceDefaults {
    var read = ServiceDefaults()
    read.nodes = fields.integer(
      values["nodes"], "nodes of \(what)", in: 1...Topology.maximumNodes)
    read.settings.shards = fields.integer(values["shards"], "shards of \(what)", in: 1...65_536)
    read.settings.passivationTimeout = fields.duration(
      values["passivation_timeout"], "passivation_timeout of \(what)",
      in: .milliseconds(100)...(.seconds(86_400 * 365)))
    read.settings.maxStreams = fields.integer(
      values["max_streams"], "max_streams of \(what)", in: 1...1_000_000)
    read.settings.idempotencyRetention = fields.duration(
      values["idempotency_retention"], "idempotency_retention of \(what)",
      in: .seconds(1)...(.seconds(86_400 * 365)))
    read.copies = copies(values, of: what)
    read.frontDoor = frontDoor(values, of: what)
    read.environment = environment(values["env"], of: what)
    return read
  }

  private mutating func function(_ node: Node, of title: String) -> Topology.Function? {
    guard
      let values = fields.mapping(
        node, "the function of \(title)",
        keys: Self.originKeys + ["env", "directory", "socket"])
    else { return nil }
    let environment = environment(values["env"], of: "the function of \(title)")
    let directory = path(values["directory"], "directory of \(title)") ?? folder
    let socket = fields.choice(
      values["socket"], "socket of \(title)", of: Topology.Function.Socket.self)
    let origins = Self.originKeys.compactMap { key in values[key].map { (key: key, node: $0) } }
    guard let origin = origins.first else {
      fields.report(
        "the function of \(title) needs a command to start, the endpoint of one that runs, or the "
          + "program it is embedded in", at: node)
      return nil
    }
    if origins.count > 1 {
      fields.report(
        "\(origin.key) and \(origins[1].key) of \(title) exclude each other; keep one",
        at: origins[1].node)
      return nil
    }
    func reportUseless(_ keys: [String], _ reason: String) {
      for key in keys {
        if let useless = values[key] {
          fields.report("\(key) of \(title) is for a command; \(reason)", at: useless)
        }
      }
    }
    let found: Topology.Function.Origin?
    switch origin.key {
    case "endpoint":
      reportUseless(
        ["directory", "socket", "env"], "a function with an endpoint already runs")
      found = endpoint(origin.node, of: title)
    case "embedded":
      reportUseless(["socket"], "an embedded function listens nowhere")
      if isChaotic, let useless = values["directory"] {
        fields.report(
          "directory of \(title) and chaos: true exclude each other for an embedded function: a node "
            + "then runs in the folder of its links", at: useless)
      }
      found = words(origin.node, "embedded of \(title)").map { .embedded($0) }
    default:
      found = words(origin.node, "command of \(title)").map { .command($0) }
    }
    return found.map {
      Topology.Function(
        origin: $0, location: YAMLFields.location(origin.node), environment: environment,
        directory: directory, socket: socket ?? .tcp)
    }
  }

  private mutating func endpoint(_ node: Node, of title: String) -> Topology.Function.Origin? {
    guard let text = expanded(node, "endpoint of \(title)") else { return nil }
    guard let address = NetworkAddress(text) else {
      fields.report(
        "endpoint of \(title) is '\(text)'; write HOST:PORT, like 127.0.0.1:8080", at: node)
      return nil
    }
    return .endpoint(address)
  }

  /// The words of a command: a list, or a text that is split into words before placeholders are
  /// replaced, so that a path with spaces stays one word.
  private mutating func words(_ node: Node, _ what: String) -> [String]? {
    var words: [String] = []
    if let elements = node.sequence {
      for element in elements {
        guard let word = expanded(element, what) else { return nil }
        words.append(word)
      }
    } else {
      guard let text = fields.text(node, what) else { return nil }
      guard let parts = splitCommand(text) else {
        fields.report("\(what) has a quote that is not closed", at: node)
        return nil
      }
      for part in parts {
        do {
          words.append(try expandPlaceholders(part, variables: variables))
        } catch {
          fields.report("\(what): \(error)", at: node)
          return nil
        }
      }
    }
    guard let program = words.first, !program.isEmpty else {
      fields.report("\(what) is empty", at: node)
      return nil
    }
    guard !words.contains(where: { $0.utf8.contains(0) }) else {
      fields.report("\(what) holds a zero byte", at: node)
      return nil
    }
    return words
  }

  private mutating func environment(_ node: Node?, of what: String) -> [String: String] {
    guard let node else { return [:] }
    guard let mapping = node.mapping else {
      fields.report("env of \(what) is \(YAMLFields.kind(node)), not a mapping", at: node)
      return [:]
    }
    var environment: [String: String] = [:]
    for (keyNode, valueNode) in mapping {
      guard let key = fields.text(keyNode, "a key in env of \(what)") else { continue }
      if key.isEmpty || key.contains("=") || key.utf8.contains(0) {
        fields.report("'\(key)' is not a name of an environment variable", at: keyNode)
      } else if let value = expanded(valueNode, "\(key) in env of \(what)") {
        environment[key] = value
      }
    }
    return environment
  }
}
