import SettingsReading
import Yams

extension TopologyReader {
  /// The keys of a service, or of `defaults`, about copies of its shards.
  static let copyKeys = ["replication", "ack"]

  mutating func coordinator(_ node: Node?) -> CoordinatorSettings {
    var settings = CoordinatorSettings()
    guard let node,
      let values = fields.mapping(node, "coordinator", keys: ["port", "admin", "approve_plans"])
    else { return settings }
    settings.port = port(values["port"], "the coordinator's port", in: 1...65_534)
    settings.adminPort = port(values["admin"], "the coordinator's admin port", in: 1...65_535)
    settings.approvesPlans =
      fields.boolean(values["approve_plans"], "approve_plans of the coordinator") ?? false
    return settings
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
