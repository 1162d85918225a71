import CommandLineKit

/// How coordinator and nodes find each other on the bus.
enum BusPlan: Hashable, Sendable {
  /// TCP on the loopback interface.
  case tcp(coordinators: [Sockets], key: String?)
  /// Unix sockets, each link through a relay of `cs-up` that can be cut.
  ///
  /// Addresses are relative paths, and each process runs in a folder of its own (``RunLayout/links(_:)``):
  /// the name `cart-2.bus` means another socket to each process. In the folder of `cart-2` it is the
  /// socket of `cart-2` itself, in all others it is the relay that leads from there to `cart-2`. So the
  /// processes need to know nothing of relays, and a relay knows both ends of what it carries.
  case links(key: String?)

  /// Where one coordinator listens.
  struct Sockets: Hashable, Sendable {
    var requests: String
    var publications: String
  }

  init(
    _ topology: Topology, freePort: () throws(ProgramError) -> UInt16
  ) throws(ProgramError) {
    if topology.isChaotic {
      self = .links(key: topology.busKey)
      return
    }
    var coordinators: [Sockets] = []
    for index in 0..<UInt16(topology.coordinator.count) {
      let ports: (UInt16, UInt16)
      if let fixed = topology.coordinator.port?.value {
        ports = (fixed + 2 * index, fixed + 2 * index + 1)
      } else {
        ports = (try freePort(), try freePort())
      }
      coordinators.append(
        Sockets(
          requests: "tcp://\(NetworkAddress.loopback(ports.0))",
          publications: "tcp://\(NetworkAddress.loopback(ports.1))"))
    }
    self = .tcp(coordinators: coordinators, key: topology.busKey)
  }

  /// The two sockets of a member of the bus, as files in a folder of links.
  static func socketNames(of member: String) -> [String] { ["\(member).bus", "\(member).pub"] }

  /// - Parameter index: from 0; there is one coordinator where links can be cut.
  func coordinatorArguments(_ index: Int) -> [String] {
    switch self {
    case .tcp(let coordinators, _):
      [
        "--bus", coordinators[index].requests, "--bus-publish", coordinators[index].publications,
      ] + keyArguments
    case .links: Self.listening(Topology.coordinatorName) + keyArguments
    }
  }

  func arguments(of node: String) -> [String] {
    switch self {
    case .tcp(let coordinators, _):
      [
        "--bus", "tcp://127.0.0.1:*", "--bus-publish", "tcp://127.0.0.1:*", "--coordinator",
        coordinators.map(\.requests).joined(separator: ","),
      ] + keyArguments
    case .links:
      Self.listening(node) + ["--coordinator", "ipc://\(Topology.coordinatorName).bus"]
        + keyArguments
    }
  }

  /// Where a member must run; `nil` leaves it where it likes.
  func directory(of member: String, in layout: RunLayout) -> String? {
    if case .links = self { layout.links(member) } else { nil }
  }

  private var keyArguments: [String] {
    switch self {
    case .tcp(_, let key), .links(let key): key.map { ["--bus-key", $0] } ?? []
    }
  }

  private static func listening(_ member: String) -> [String] {
    let names = socketNames(of: member)
    return ["--bus", "ipc://\(names[0])", "--bus-publish", "ipc://\(names[1])"]
  }
}
