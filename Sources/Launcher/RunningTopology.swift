import CommandLineKit
import Glibc
import SettingsReading

/// A topology while it runs: what was planned, and what is needed to plan more.
final class RunningTopology {
  /// Its numbers of nodes follow what is scaled.
  private(set) var topology: Topology
  let layout: RunLayout
  let plan: LaunchPlan
  let admin: AdminClient
  private let surroundings: LaunchPlan.Surroundings
  private let environment = currentEnvironment()
  private var freePorts: FreePorts

  /// - Parameter taken: ports that the topology fixes.
  /// - Throws: as ``LaunchPlan/init(topology:surroundings:freePort:)``.
  init(_ request: LaunchRequest, taken: Set<UInt16>) throws(ProgramError) {
    topology = request.topology
    layout = request.layout
    surroundings = LaunchPlan.Surroundings(
      programs: request.programs, layout: request.layout, logLevel: request.logLevel)
    var random = SystemRandomNumberGenerator()
    var freePorts = FreePorts(taken: taken, using: &random)
    plan = try LaunchPlan(
      topology: request.topology, surroundings: surroundings,
      freePort: { () throws(ProgramError) -> UInt16 in try freePorts.next() })
    self.freePorts = freePorts
    // Every plan has a coordinator, and every coordinator has an admin address.
    guard let admin = AdminClient(addresses: plan.processes.compactMap(\.adminAddress)) else {
      throw ProgramError("the plan has no coordinator")
    }
    self.admin = admin
  }

  /// A process, ready to be started.
  ///
  /// - Throws: ``ProgramError`` when its program or a folder is missing and cannot be made.
  func makeSlot(_ process: ProcessPlan) throws(ProgramError) -> ProcessSlot {
    try makeSlot(process, program: program(of: process, topology: topology))
  }

  func makeSlot(_ process: ProcessPlan, program: String) throws(ProgramError) -> ProcessSlot {
    if process.role != .function { try makeFolders(layout.storage(process.name)) }
    return try ProcessSlot(
      plan: process, program: program, environment: environment, layout: layout)
  }

  /// The processes of nodes that a service is to have more; ``hasGrown(_:to:)`` once they are taken in.
  ///
  /// - Parameter firstIndex: the number of processes there are.
  /// - Throws: ``ProgramError`` when the topology would not be a legal one, or ports are short.
  func grow(
    _ service: String, to count: Int, firstIndex: Int
  ) throws(ProgramError) -> [ProcessPlan] {
    guard let index = topology.services.firstIndex(where: { $0.name == service }) else { return [] }
    var grown = topology
    grown.services[index].nodes = count
    // Nodes that join take free ports, so only their number can be too high.
    grown.ports.value = .free
    if let problem = grown.portProblems().first {
      throw ProgramError(problem.message, status: .usage)
    }
    var processes: [ProcessPlan] = []
    for number in (topology.services[index].nodes + 1)...count {
      processes += try LaunchPlan.node(
        number, of: topology.services[index], surroundings, bus: plan.bus, ports: nil,
        coordinators: plan.needed, firstIndex: firstIndex + processes.count,
        freePort: { () throws(ProgramError) -> UInt16 in try freePorts.next() })
    }
    return processes
  }

  func hasGrown(_ service: String, to count: Int) {
    guard let index = topology.services.firstIndex(where: { $0.name == service }) else { return }
    topology.services[index].nodes = count
  }

  /// The names of all nodes.
  var nodeNames: [String] {
    topology.services.flatMap { service in
      (0..<service.nodes).map { Topology.nodeName(service: service.name, number: $0 + 1) }
    }
  }

  /// The number of nodes of a service; `nil` when there is no such service.
  func nodes(of service: String) -> Int? {
    topology.services.first { $0.name == service }?.nodes
  }

  /// Takes note that a node with the highest number has gone for good, and puts its data aside: a start
  /// with fewer nodes would else be refused, and a node that joins under the name would find shards that
  /// have moved on. One earlier folder of that name is replaced.
  func shrink(_ service: String, node: String) {
    guard let index = topology.services.firstIndex(where: { $0.name == service }) else { return }
    topology.services[index].nodes -= 1
    let aside = "\(layout.data)/drained"
    removeTree("\(aside)/\(node)")
    try? makeFolders(aside)
    rename(layout.storage(node), "\(aside)/\(node)")
  }

  func describe(
    supervisor: Supervisor, slots: [ProcessSlot], cuts: Cuts, activity: String?
  ) -> RunState {
    var processes: [RunState.Process] = []
    for (index, slot) in slots.enumerated() where supervisor.states[index] != .retired {
      let plan = slot.plan
      processes.append(
        RunState.Process(
          name: plan.name, role: plan.role.rawValue, service: plan.service, pid: slot.pid,
          state: Self.word(for: supervisor.states[index]),
          waitsFor: supervisor.states[index] == .waiting
            ? supervisor.missing(for: index).map { slots[$0].plan.name } : nil,
          restarts: supervisor.restarts[index],
          isCutOff: plan.role != .function && cuts.concerns(plan.name) ? true : nil,
          publicAddress: plan.publicAddress.map(\.description),
          usesTLS: plan.publicAddress.map { _ in plan.usesTLS },
          managementAddress: plan.managementAddress.map(\.description),
          adminAddress: plan.adminAddress.map(\.description), log: layout.log(plan.name)))
    }
    let hasEnded =
      supervisor.isStopping
      && supervisor.states.allSatisfy { $0 == .stopped || $0 == .retired }
    let phase: RunState.Phase =
      hasEnded
      ? .stopped : supervisor.isStopping ? .stopping : supervisor.hasLaunched ? .ready : .starting
    return RunState(
      name: topology.name, topology: normalizedPath(topology.file, in: currentDirectory()),
      data: layout.data, isEphemeral: topology.data == .ephemeral, pid: getpid(), phase: phase,
      activity: activity, processes: processes)
  }

  static func word(for state: Supervisor.State) -> String {
    switch state {
    case .waiting: "waiting"
    case .starting: "starting"
    case .ready: "ready"
    case .paused: "paused"
    case .killing, .backingOff, .ending(.restart, _): "restarting"
    case .ending(.hold, _), .held: "down"
    case .stopping, .ending(.retire, _): "stopping"
    case .retired, .stopped: "stopped"
    }
  }
}
