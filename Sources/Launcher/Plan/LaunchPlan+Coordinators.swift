import CommandLineKit
import SettingsReading

// Coordinators, and the members of etcd that they share.
extension LaunchPlan {
  /// The coordinators, behind the members of etcd where there are any.
  ///
  /// - Throws: what `freePort` throws.
  static func coordinators(
    of topology: Topology, _ surroundings: Surroundings, bus: BusPlan,
    freePort: () throws(ProgramError) -> UInt16
  ) throws(ProgramError) -> [ProcessPlan] {
    let settings = topology.coordinator
    var adminPorts: [UInt16] = []
    for index in 0..<UInt16(settings.count) {
      if let fixed = settings.adminPort?.value {
        adminPorts.append(fixed + index)
      } else {
        adminPorts.append(try freePort())
      }
    }
    let members = try etcdMembers(of: topology, surroundings.layout, freePort: freePort)
    let endpoints: [String]
    switch settings.etcd?.origin {
    case nil: endpoints = []
    case .endpoints(let others): endpoints = others
    case .members: endpoints = members.map { "http://\($0.clients)" }
    }
    return members.map(\.plan)
      + adminPorts.enumerated().map { index, port in
        coordinator(
          index, of: topology, surroundings, bus: bus, admin: .loopback(port), etcd: endpoints)
      }
  }

  private static func coordinator(
    _ index: Int, of topology: Topology, _ surroundings: Surroundings, bus: BusPlan,
    admin: NetworkAddress, etcd endpoints: [String]
  ) -> ProcessPlan {
    let settings = topology.coordinator
    let name = Topology.coordinatorName(index + 1, of: settings.count)
    let layout = surroundings.layout
    var arguments = ["\(surroundings.programs)/cs-coordinator"]
    arguments += bus.coordinatorArguments(index)
    arguments += ["--admin", "\(admin)"]
    if let etcd = settings.etcd {
      // Other topologies may share an etcd that runs already.
      arguments += [
        "--etcd", endpoints.joined(separator: ","), "--etcd-prefix",
        "/cloudstate/\(topology.name)/", "--name", name,
      ]
      if let lease = etcd.lease { arguments += ["--etcd-lease", lease.text] }
    } else {
      arguments += ["--data", layout.storage(name)]
    }
    if settings.approvesPlans { arguments.append("--approve-plans") }
    arguments += topology.autoscaler?.arguments ?? []
    for service in topology.services {
      arguments += ["--expect", "\(service.name)=\(service.nodes)"]
    }
    arguments += [
      "--ready-file", layout.readyFile(name), "--stop-with-parent", "--log-level",
      surroundings.logLevel,
    ]
    return ProcessPlan(
      name: name, role: .coordinator, arguments: arguments,
      environment: ["CS_UP_SOCKET": "\(layout.run)/\(RunLayout.controlSocket)"],
      directory: bus.directory(of: name, in: layout) ?? layout.data,
      readiness: .file(layout.readyFile(name)), dependencies: [], adminAddress: admin)
  }

  /// The members of etcd, each with its address for clients. They start together: none answers before a majority is
  /// there.
  private static func etcdMembers(
    of topology: Topology, _ layout: RunLayout, freePort: () throws(ProgramError) -> UInt16
  ) throws(ProgramError) -> [(plan: ProcessPlan, clients: NetworkAddress)] {
    var addresses: [(clients: NetworkAddress, peers: NetworkAddress)] = []
    for index in 0..<UInt16(topology.coordinator.etcdMembers) {
      if let fixed = topology.coordinator.etcd?.port?.value {
        addresses.append((.loopback(fixed + 2 * index), .loopback(fixed + 2 * index + 1)))
      } else {
        addresses.append((.loopback(try freePort()), .loopback(try freePort())))
      }
    }
    let all = addresses.enumerated().map {
      "\(Topology.etcdName($0.offset + 1))=http://\($0.element.peers)"
    }
    return addresses.enumerated().map { index, address in
      let name = Topology.etcdName(index + 1)
      let (clients, peers) = ("http://\(address.clients)", "http://\(address.peers)")
      let arguments = [
        "etcd", "--name", name, "--data-dir", layout.storage(name), "--listen-client-urls", clients,
        "--advertise-client-urls", clients, "--listen-peer-urls", peers,
        "--initial-advertise-peer-urls", peers, "--initial-cluster", all.joined(separator: ","),
        "--initial-cluster-token", topology.name, "--initial-cluster-state", "new",
        // A member that was cut off does not depose the leader when it is back; no default before etcd 3.5.
        "--pre-vote",
        // What was overwritten is of no use, and would fill its disk.
        "--auto-compaction-mode", "revision", "--auto-compaction-retention", "1000", "--logger",
        "zap", "--log-level", "warn",
      ]
      let plan = ProcessPlan(
        name: name, role: .etcd, arguments: arguments, environment: [:], directory: layout.data,
        readiness: .tcp(address.clients), dependencies: [])
      return (plan, address.clients)
    }
  }
}
