import SettingsReading
import Yams

extension TopologyReader {
  /// The keys of a service, or of `defaults`, about copies of its shards.
  static let copyKeys = ["replication", "ack"]

  mutating func coordinator(_ node: Node?) -> CoordinatorSettings {
    var settings = CoordinatorSettings()
    guard let node,
      let values = fields.mapping(
        node, "coordinator", keys: ["count", "port", "admin", "approve_plans", "etcd"])
    else { return settings }
    settings.count =
      fields.integer(
        values["count"], "count of the coordinator", in: CoordinatorSettings.legalCounts) ?? 1
    settings.etcd = values["etcd"].flatMap { etcd($0) }
    if settings.count > 1, values["etcd"] == nil, let count = values["count"] {
      fields.report(
        "\(settings.count) coordinators need an etcd that they share; write etcd: {members: 3} below "
          + "coordinator", at: count)
    }
    settings.port = port(values["port"], "the coordinator's port", in: 1...65_534)
    settings.adminPort = port(values["admin"], "the coordinator's admin port", in: 1...65_535)
    settings.approvesPlans =
      fields.boolean(values["approve_plans"], "approve_plans of the coordinator") ?? false
    return settings
  }

  private mutating func etcd(_ node: Node) -> CoordinatorSettings.Etcd? {
    guard
      let values = fields.mapping(
        node, "etcd", keys: ["members", "port", "endpoints", "lease"])
    else { return nil }
    let origin: CoordinatorSettings.Etcd.Origin
    if let endpoints = values["endpoints"] {
      for key in ["members", "port"] {
        guard let own = values[key] else { continue }
        fields.report(
          "endpoints and \(key) exclude each other: an etcd either runs already or is started here",
          at: own)
      }
      origin = .endpoints(etcdEndpoints(endpoints))
    } else {
      let members =
        fields.integer(values["members"], "members of etcd", in: 1...7) ?? 3
      if let node = values["members"], !CoordinatorSettings.Etcd.legalMembers.contains(members) {
        fields.report(
          "members of etcd is \(members), which outlives no more losses than \(members - 1); write 1, 3, 5 or 7",
          at: node)
      }
      origin = .members(members)
    }
    return CoordinatorSettings.Etcd(
      origin: origin, port: port(values["port"], "the port of etcd", in: 1...65_521),
      lease: fields.duration(
        values["lease"], "lease of etcd", in: .seconds(2)...(.seconds(60))),
      location: YAMLFields.location(node))
  }

  private mutating func etcdEndpoints(_ node: Node) -> [String] {
    guard let nodes = fields.list(node, "endpoints of etcd") else { return [] }
    if nodes.isEmpty { fields.report("endpoints of etcd is empty", at: node) }
    return nodes.compactMap { node in
      guard let text = expanded(node, "an endpoint of etcd") else { return nil }
      guard text.hasPrefix("http://") || text.hasPrefix("https://"), !text.contains(",") else {
        fields.report(
          "'\(text)' is no endpoint of etcd, such as http://127.0.0.1:2379", at: node)
        return nil
      }
      return text
    }
  }

  /// Reports what does not go with several coordinators, or with an etcd of our own.
  mutating func checkCoordinators(
    _ coordinator: CoordinatorSettings, services: [Topology.Service]
  ) {
    guard let etcd = coordinator.etcd else { return }
    if isChaotic {
      fields.report(
        SettingsProblem(
          "etcd and chaos: true exclude each other: there are no relays to etcd", at: etcd.location)
      )
    }
    let taken = [
      Topology.coordinatorName: coordinator.count > 1,
      Topology.etcdName: coordinator.etcdMembers > 0,
    ]
    for service in services where taken[service.name] == true {
      fields.report(
        SettingsProblem(
          "the service '\(service.name)' needs another name: its nodes would be called like the "
            + "\(service.name) processes", at: service.location))
    }
  }

  mutating func copies(_ values: [String: Node], of what: String) -> CopySettings {
    CopySettings(
      replication: fields.integer(
        values["replication"], "replication of \(what)", in: CopySettings.legalReplication),
      acknowledgement: fields.choice(
        values["ack"], "ack of \(what)", of: CopySettings.Acknowledgement.self))
  }

  /// Reports copies that have no node to lie on: they would never come to be, and nobody would know.
  mutating func checkCopies(
    _ copies: CopySettings, nodes: Int, of title: String, at node: Node
  ) {
    guard let replication = copies.replication, replication > nodes else { return }
    fields.report(
      "replication of \(title) is \(replication), and it has \(nodes) "
        + "\(nodes == 1 ? "node" : "nodes"); a node keeps one copy of a shard at most", at: node)
  }

  private mutating func port(
    _ node: Node?, _ what: String, in range: ClosedRange<Int>
  ) -> Located<UInt16>? {
    guard let node, let port = fields.integer(node, what, in: range) else { return nil }
    return Located(UInt16(port), at: YAMLFields.location(node))
  }
}
