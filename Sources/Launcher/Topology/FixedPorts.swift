package import SettingsReading

/// A port that a topology fixes, and whose it is.
package struct FixedPort: Hashable, Sendable {
  package let port: UInt16
  /// Whether a function that already runs listens there, which services may share.
  package let isRunningFunction: Bool
  /// For example `the public port of cart-1`.
  package let owner: String
  /// What to change when the port is not available.
  package let location: SourceLocation
}

extension Topology {
  /// The name of the coordinator's process.
  package static let coordinatorName = "coordinator"

  /// The name of one of several coordinators; numbers begin with 1.
  package static func coordinatorName(_ number: Int, of count: Int) -> String {
    count == 1 ? coordinatorName : "\(coordinatorName)-\(number)"
  }

  /// What the names of the members of etcd begin with.
  package static let etcdName = "etcd"

  /// The name of a member of etcd; numbers begin with 1.
  package static func etcdName(_ number: Int) -> String { "\(etcdName)-\(number)" }

  /// The name of a service's node; numbers begin with 1.
  package static func nodeName(service: String, number: Int) -> String { "\(service)-\(number)" }

  /// All ports that the topology fixes, functions that already run included, and what does not fit
  /// below 65536.
  func fixedPorts() -> (ports: [FixedPort], problems: [SettingsProblem]) {
    var fixed: [FixedPort] = []
    var problems: [SettingsProblem] = []
    func add(
      _ number: Int, _ owner: String, _ location: SourceLocation, running: Bool = false
    ) {
      if let port = UInt16(exactly: number) {
        fixed.append(
          FixedPort(
            port: port, isRunningFunction: running, owner: owner, location: location))
      } else {
        problems.append(
          SettingsProblem("\(owner) would be \(number); the largest port is 65535", at: location))
      }
    }
    for index in 0..<coordinator.count {
      let name =
        coordinator.count == 1
        ? "the coordinator" : Self.coordinatorName(index + 1, of: coordinator.count)
      if let located = coordinator.port {
        let port = Int(located.value) + 2 * index
        add(port, "\(name)'s port", located.location)
        add(port + 1, "\(name)'s publishing port", located.location)
      }
      if let admin = coordinator.adminPort {
        add(Int(admin.value) + index, "\(name)'s admin port", admin.location)
      }
    }
    if let located = coordinator.etcd?.port {
      for index in 0..<coordinator.etcdMembers {
        let (port, name) = (Int(located.value) + 2 * index, Self.etcdName(index + 1))
        add(port, "\(name)'s port for clients", located.location)
        add(port + 1, "\(name)'s port for other members", located.location)
      }
    }
    if case .base(let base) = ports.value {
      var port = Int(base)
      for service in services {
        for number in 0..<service.nodes {
          let node = Self.nodeName(service: service.name, number: number + 1)
          add(port, "the public port of \(node)", ports.location)
          add(port + Int(Self.managementOffset), "the management port of \(node)", ports.location)
          port += 1
        }
      }
    }
    for service in services {
      if case .endpoint(let address) = service.function.origin, address.isThisMachine {
        add(
          Int(address.port), "the function of \(service.name)", service.function.location,
          running: true)
      }
    }
    return (fixed, problems)
  }

  /// What is wrong with the topology's ports and number of nodes: ports used twice, ports that do not
  /// exist, too many nodes. Services may share one function.
  package func portProblems() -> [SettingsProblem] {
    if nodeCount > Self.maximumNodes {
      return [
        SettingsProblem(
          "\(nodeCount) nodes; a topology has at most \(Self.maximumNodes)",
          at: services.last?.location ?? ports.location)
      ]
    }
    if isChaotic, nodeCount > Self.maximumChaoticNodes {
      return [
        SettingsProblem(
          "\(nodeCount) nodes; with chaos: true a topology has at most \(Self.maximumChaoticNodes)",
          at: services.last?.location ?? ports.location)
      ]
    }
    if let etcd = coordinator.etcd, coordinator.etcdMembers > 0, etcd.port == nil,
      data != .ephemeral
    {
      return [
        SettingsProblem(
          "etcd keeps the addresses of its members with its data, so a topology that keeps its data fixes their "
            + "ports; write port: 2379 below etcd, or ephemeral: true", at: etcd.location)
      ]
    }
    let all = fixedPorts()
    var problems = all.problems
    var owners: [UInt16: FixedPort] = [:]
    var functionPorts: Set<UInt16> = []
    for fixed in all.ports {
      if fixed.isRunningFunction, !functionPorts.insert(fixed.port).inserted { continue }
      if let other = owners[fixed.port] {
        let (later, earlier) = fixed.location < other.location ? (other, fixed) : (fixed, other)
        problems.append(
          SettingsProblem(
            "port \(fixed.port) is \(later.owner) and also \(earlier.owner); choose another",
            at: later.location))
      } else {
        owners[fixed.port] = fixed
      }
    }
    return problems
  }
}
