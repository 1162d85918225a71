package import CommandLineKit
import SettingsReading

/// Everything that `cs-up` will start, worked out before anything is started.
package struct LaunchPlan: Hashable, Sendable {
  /// What the environment of a launch decides, as opposed to the topology.
  package struct Surroundings: Hashable, Sendable {
    /// The folder of `cs-node` and `cs-coordinator`.
    package var programs: String
    package var layout: RunLayout
    /// Passed to the programs as `--log-level`.
    package var logLevel: String

    package init(programs: String, layout: RunLayout, logLevel: String = "info") {
      self.programs = programs
      self.layout = layout
      self.logLevel = logLevel
    }
  }

  /// The longest path of a Unix socket, one less than `sun_path` of unix(7).
  package static let maximumSocketPath = 107

  package let name: String
  let bus: BusPlan
  /// In an order in which dependencies come first.
  package let processes: [ProcessPlan]

  /// Works out the processes of a topology.
  ///
  /// - Parameter freePort: answers a port that nobody uses, another one at each call.
  /// - Throws: ``ProgramError`` when a socket's path would be too long, and what `freePort` throws.
  package init(
    topology: Topology, surroundings: Surroundings,
    freePort: () throws(ProgramError) -> UInt16
  ) throws(ProgramError) {
    name = topology.name
    bus = try BusPlan(topology, freePort: freePort)
    let adminPort: UInt16
    if let fixed = topology.coordinator.adminPort?.value {
      adminPort = fixed
    } else {
      adminPort = try freePort()
    }
    var processes = [
      Self.coordinator(of: topology, surroundings, bus: bus, adminPort: adminPort)
    ]
    var nodesSoFar: UInt16 = 0
    for service in topology.services {
      for number in 1...service.nodes {
        var ports: NodePorts?
        if case .base(let base) = topology.ports.value {
          let publicPort = base + nodesSoFar
          ports = NodePorts(
            public: publicPort, management: publicPort + Topology.managementOffset)
        }
        nodesSoFar += 1
        processes += try Self.node(
          number, of: service, surroundings, bus: bus, ports: ports, coordinator: 0,
          firstIndex: processes.count, freePort: freePort)
      }
    }
    self.processes = processes
  }

  /// The ports of one node.
  struct NodePorts {
    var `public`: UInt16
    var management: UInt16
  }

  /// A node, after its function when it has one of its own.
  ///
  /// - Parameters:
  ///   - ports: `nil` takes free ones.
  ///   - coordinator: the index of the coordinator among all processes.
  ///   - firstIndex: the index that the first of the answered processes will have.
  /// - Throws: as ``init(topology:surroundings:freePort:)``.
  static func node(
    _ number: Int, of service: Topology.Service, _ surroundings: Surroundings, bus: BusPlan,
    ports: NodePorts?, coordinator: Int, firstIndex: Int,
    freePort: () throws(ProgramError) -> UInt16
  ) throws(ProgramError) -> [ProcessPlan] {
    let name = Topology.nodeName(service: service.name, number: number)
    var processes: [ProcessPlan] = []
    var dependencies = [coordinator]
    var program = ["\(surroundings.programs)/cs-node"]
    switch service.function.origin {
    case .endpoint(let address): program += ["--function", "\(address)"]
    case .embedded(let words):
      program = words
      // It may run elsewhere, and is still found where the topology says.
      if let word = words.first, word.contains("/") {
        program[0] = normalizedPath(word, in: service.function.directory)
      }
    case .command(let words):
      let function = try Self.function(
        of: service, node: name, words: words, layout: surroundings.layout, freePort: freePort)
      dependencies.append(firstIndex)
      processes.append(function)
      switch function.readiness {
      case .unixSocket(let path): program += ["--function", "unix:\(path)"]
      case .tcp(let address): program += ["--function", "\(address)"]
      case .file(let path): program += ["--function", path]
      }
    }
    let chosen: NodePorts
    if let ports {
      chosen = ports
    } else {
      chosen = NodePorts(public: try freePort(), management: try freePort())
    }
    processes.append(
      Self.node(
        name, of: service, surroundings, program: program, bus: bus, ports: chosen,
        dependencies: dependencies))
    return processes
  }

  private static func coordinator(
    of topology: Topology, _ surroundings: Surroundings, bus: BusPlan, adminPort: UInt16
  ) -> ProcessPlan {
    let name = Topology.coordinatorName
    let layout = surroundings.layout
    let adminAddress = NetworkAddress.loopback(adminPort)
    var arguments = ["\(surroundings.programs)/cs-coordinator"]
    arguments += bus.coordinatorArguments
    arguments += ["--admin", "\(adminAddress)", "--data", layout.storage(name)]
    if topology.coordinator.approvesPlans { arguments.append("--approve-plans") }
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
      readiness: .file(layout.readyFile(name)), dependencies: [], adminAddress: adminAddress)
  }

  private static func function(
    of service: Topology.Service, node: String, words: [String], layout: RunLayout,
    freePort: () throws(ProgramError) -> UInt16
  ) throws(ProgramError) -> ProcessPlan {
    let name = "\(node)-function"
    var environment: [String: String] = [:]
    let readiness: ProcessPlan.Readiness
    switch service.function.socket {
    case .tcp:
      let address = NetworkAddress.loopback(try freePort())
      environment["HOST"] = address.host
      environment["PORT"] = String(address.port)
      readiness = .tcp(address)
    case .unix:
      let path = layout.socket(name)
      guard path.utf8.count <= maximumSocketPath else {
        throw ProgramError(
          "the socket of \(name) would be \(path), which is longer than \(maximumSocketPath) bytes",
          hint: "use a shorter data folder, or socket: tcp", status: .usage)
      }
      environment["CLOUDSTATE_SOCKET"] = path
      readiness = .unixSocket(path)
    }
    return ProcessPlan(
      name: name, role: .function, service: service.name, arguments: words,
      environment: environment.merging(service.function.environment) { ours, _ in ours },
      directory: service.function.directory, readiness: readiness, dependencies: [])
  }

  private static func node(
    _ name: String, of service: Topology.Service, _ surroundings: Surroundings,
    program: [String], bus: BusPlan, ports: NodePorts, dependencies: [Int]
  ) -> ProcessPlan {
    let layout = surroundings.layout
    let publicAddress = NetworkAddress.loopback(ports.public)
    let managementAddress = NetworkAddress.loopback(ports.management)
    var arguments =
      program + [
        "--service", service.name, "--node-id", name, "--listen", "\(publicAddress)",
        "--management", "\(managementAddress)",
      ] + bus.arguments(of: name) + ["--data", layout.storage(name)]
    var environment = service.environment
    var directory = layout.data
    if service.function.isEmbedded {
      environment.merge(service.function.environment) { _, function in function }
      directory = service.function.directory
    }
    if let linked = bus.directory(of: name, in: layout) { directory = linked }
    let settings = service.settings
    if let shards = settings.shards { arguments += ["--shards", String(shards)] }
    if let limit = settings.passivationTimeout {
      arguments += ["--passivation-timeout", limit.text]
    }
    if let streams = settings.maxStreams { arguments += ["--max-streams", String(streams)] }
    if let retention = settings.idempotencyRetention {
      arguments += ["--idempotency-retention", retention.text]
    }
    arguments += service.copies.arguments
    arguments += service.frontDoor.arguments
    arguments += [
      "--ready-file", layout.readyFile(name), "--stop-with-parent", "--log-level",
      surroundings.logLevel,
    ]
    return ProcessPlan(
      name: name, role: .node, service: service.name, arguments: arguments,
      environment: environment, directory: directory,
      readiness: .file(layout.readyFile(name)), dependencies: dependencies,
      publicAddress: publicAddress, usesTLS: service.frontDoor.tls != nil,
      managementAddress: managementAddress)
  }
}
