package import SettingsReading

/// What `cs-up` launches: a validated topology file.
///
/// All paths are absolute, placeholders are expanded, and the values of `defaults` are merged into
/// the services.
package struct Topology: Hashable, Sendable {
  /// Where the data of coordinator and nodes lives.
  package enum Data: Hashable, Sendable {
    /// A folder that outlives the run.
    case directory(String)
    /// A temporary folder, removed at the end.
    case ephemeral
  }

  /// How the ports of nodes are chosen.
  package enum Ports: Hashable, Sendable {
    /// Any that nobody uses.
    case free
    /// Public ports from `base` on, in the order of services and nodes, and management ports
    /// ``Topology/managementOffset`` above them.
    case base(UInt16)
  }

  /// The legal number of nodes of all services together; bounds what one machine is asked to start.
  package static let maximumNodes = 100
  /// The same with `chaos: true`: every pair has its relays, and each takes a few of the descriptors
  /// a process may have open, 1024 on most systems.
  package static let maximumChaoticNodes = 12
  /// From a node's public port to its management port, when ports are fixed.
  package static let managementOffset: UInt16 = 100

  /// A plain word, see ``isPlainName(_:)``.
  package var name: String
  /// The file, as the user named it, for messages and hints.
  package var file: String
  package var data: Data
  /// The key file of the bus, given to the coordinator and all nodes; `nil` leaves the bus open.
  package var busKey: String?
  package var coordinator: CoordinatorSettings
  package var ports: Located<Ports>
  /// Whether `cs-up partition` can cut nodes off: the bus then goes through relays in `cs-up`.
  package var isChaotic = false
  /// Never empty; names are unique.
  package var services: [Service]
  /// `nil`: numbers of nodes change by `cs-up scale` only.
  package var autoscaler: AutoscalerTopology?

  /// One stateful service: a user function and its nodes.
  package struct Service: Hashable, Sendable {
    /// A plain word, see ``Topology/isPlainName(_:)``.
    package var name: String
    package var location: SourceLocation
    package var function: Function
    /// At least 1.
    package var nodes: Int
    package var settings: NodeSettings
    package var copies: CopySettings
    package var frontDoor: FrontDoorSettings
    /// Added to the environment of the nodes.
    package var environment: [String: String]
  }

  /// The user function of a service.
  package struct Function: Hashable, Sendable {
    package enum Origin: Hashable, Sendable {
      /// Started once per node. Never empty; the first word is the program.
      case command([String])
      /// Already running; all nodes of the service share it.
      case endpoint(NetworkAddress)
      /// Inside the node: this program is started in place of `cs-node`. Never empty; the first word is
      /// the program.
      case embedded([String])
    }

    /// How a node reaches a started function.
    package enum Socket: String, Hashable, Sendable, CaseIterable {
      case tcp, unix
    }

    package var origin: Origin
    /// Whether nodes of the service are programs of their own kind.
    package var isEmbedded: Bool {
      if case .embedded = origin { true } else { false }
    }
    /// Where the command, the endpoint or the program is written.
    package var location: SourceLocation
    /// Added to the environment of the process the function runs in.
    package var environment: [String: String]
    /// Where that process runs.
    package var directory: String
    package var socket: Socket
  }

  /// Settings passed to nodes; `nil` leaves the node its own default.
  package struct NodeSettings: Hashable, Sendable {
    package var shards: Int?
    package var passivationTimeout: Duration?
    package var maxStreams: Int?
    package var idempotencyRetention: Duration?

    package init(
      shards: Int? = nil, passivationTimeout: Duration? = nil, maxStreams: Int? = nil,
      idempotencyRetention: Duration? = nil
    ) {
      self.shards = shards
      self.passivationTimeout = passivationTimeout
      self.maxStreams = maxStreams
      self.idempotencyRetention = idempotencyRetention
    }
  }

  /// The number of nodes of all services.
  package var nodeCount: Int { services.reduce(0) { $0 + $1.nodes } }

  /// Whether a text can be the name of a process: a plain word, with the suffixes of nodes and functions.
  package static func isProcessName(_ text: String) -> Bool {
    (1...80).contains(text.utf8.count) && text.utf8.allSatisfy(isPlain)
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  /// Names of topologies and services: 1 to 56 characters out of `a-z`, `A-Z`, `0-9`, `-` and `_`,
  /// so that a node's name, `NAME-NUMBER`, stays within the 63 characters of a node identifier.
  package static func isPlainName(_ text: String) -> Bool {
    (1...56).contains(text.utf8.count) && text.utf8.allSatisfy(isPlain)
  }
}

/// A value with the place where it is written.
package struct Located<Value: Hashable & Sendable>: Hashable, Sendable {
  package var value: Value
  package var location: SourceLocation

  package init(_ value: Value, at location: SourceLocation) {
    self.value = value
    self.location = location
  }
}
