package import CommandLineKit
import FoundationEssentials

/// What a program asks of the `cs-up` that supervises a topology, as one line of JSON on its control
/// socket. `Topologies/control-socket.md` describes the protocol for others.
package struct ControlRequest: Hashable, Sendable, Codable {
  package enum Verb: String, Hashable, Sendable, Codable, CaseIterable {
    case kill, pause, resume, restart, start, partition, heal, scale
    /// How many nodes a service has.
    case nodes
  }

  /// What of the traffic of a member is cut.
  package enum Direction: String, Hashable, Sendable, Codable, CaseIterable {
    /// What others send to it.
    case incoming = "in"
    /// What it sends to others.
    case outgoing = "out"
    case both
  }

  /// The version of the protocol this program speaks.
  package static let currentVersion = 1

  package var version = currentVersion
  package var verb: Verb
  /// The process; of all verbs but `scale` and `nodes`. `heal` without it heals everything.
  package var name: String?
  /// `kill`: stay down until `start`.
  package var keepsDown: Bool?
  /// `partition`, `heal`: only towards these; `nil` means all.
  package var peers: [String]?
  /// `partition`: default both.
  package var direction: Direction?
  /// `heal`: end held connections, so that what was on its way is lost.
  package var drops: Bool?
  /// `scale`, `nodes`: the service.
  package var service: String?
  /// `scale`: its new number of nodes.
  package var nodes: Int?
  /// `scale`: whether the answer comes when it is done, as by default, or when it is begun.
  package var waits: Bool?
  /// `scale`: the longest wait, in seconds.
  package var timeout: Double?

  package init(verb: Verb, name: String? = nil) {
    self.verb = verb
    self.name = name
  }

  /// Reads one line.
  ///
  /// - Throws: ``ProgramError`` with status `usage`.
  init(line: [UInt8]) throws(ProgramError) {
    do {
      self = try JSONDecoder().decode(Self.self, from: Data(line))
    } catch {
      throw ProgramError("not a request of the control socket: \(error)", status: .usage)
    }
    guard version == Self.currentVersion else {
      throw ProgramError(
        "the request has version \(version); this cs-up speaks \(Self.currentVersion)",
        hint: "use programs of one version", status: .usage)
    }
  }

  package var json: JSONText {
    var members: [(String, JSONText)] = [
      ("version", .integer(Int64(version))), ("verb", .string(verb.rawValue)),
    ]
    if let name { members.append(("name", .string(name))) }
    if let keepsDown { members.append(("keepsDown", .bool(keepsDown))) }
    if let peers { members.append(("peers", .array(peers.map(JSONText.string)))) }
    if let direction { members.append(("direction", .string(direction.rawValue))) }
    if let drops { members.append(("drops", .bool(drops))) }
    if let service { members.append(("service", .string(service))) }
    if let nodes { members.append(("nodes", .integer(Int64(nodes)))) }
    if let waits { members.append(("waits", .bool(waits))) }
    if let timeout { members.append(("timeout", .number(timeout))) }
    return .object(members)
  }
}
