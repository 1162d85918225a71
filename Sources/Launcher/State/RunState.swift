package import CommandLineKit
import FoundationEssentials

/// What runs in a data folder: written by the supervisor at every change, read by `cs-up ps`.
///
/// Version 1 of the file; readers ignore keys they do not know.
package struct RunState: Hashable, Sendable, Codable {
  package enum Phase: String, Hashable, Sendable, Codable {
    case starting, ready, stopping, stopped
  }

  package struct Process: Hashable, Sendable, Codable {
    package var name: String
    package var role: String
    package var service: String?
    /// `nil` while it does not run.
    package var pid: Int32?
    /// One word, as `cs-up ps` shows it.
    package var state: String
    /// What a process that waits waits for; `nil` for all others.
    package var waitsFor: [String]?
    package var restarts: Int
    /// Whether `cs-up partition` has cut it off, in any direction; `nil` means no.
    package var isCutOff: Bool?
    package var publicAddress: String?
    /// Whether clients must speak TLS there; unknown in files of earlier versions.
    package var usesTLS: Bool?
    package var managementAddress: String?
    /// Where a coordinator is administered; unknown in files of earlier versions.
    package var adminAddress: String?
    package var log: String
  }

  package var version = 1
  package var name: String
  /// Absolute.
  package var topology: String
  package var data: String
  package var isEphemeral: Bool
  /// The supervisor.
  package var pid: Int32
  package var phase: Phase
  /// What is being changed just now, for people: the progress of `cs-up scale`.
  package var activity: String?
  package var processes: [Process]

  /// The state as it is written and as `-o json` shows it.
  package var json: JSONText {
    let items = processes.map { process in
      JSONText.object([
        ("name", .string(process.name)), ("role", .string(process.role)),
        ("service", .optional(process.service)),
        ("pid", process.pid.map { .integer(Int64($0)) } ?? .null),
        ("state", .string(process.state)),
        ("waitsFor", .array((process.waitsFor ?? []).map(JSONText.string))),
        ("restarts", .integer(Int64(process.restarts))),
        ("isCutOff", .bool(process.isCutOff == true)),
        ("publicAddress", .optional(process.publicAddress)),
        ("usesTLS", process.usesTLS.map(JSONText.bool) ?? .null),
        ("managementAddress", .optional(process.managementAddress)),
        ("adminAddress", .optional(process.adminAddress)),
        ("log", .string(process.log)),
      ])
    }
    return .object([
      ("version", .integer(Int64(version))), ("name", .string(name)),
      ("topology", .string(topology)), ("data", .string(data)),
      ("isEphemeral", .bool(isEphemeral)), ("pid", .integer(Int64(pid))),
      ("phase", .string(phase.rawValue)), ("activity", .optional(activity)),
      ("processes", .array(items)),
    ])
  }

  /// Where the coordinators are administered.
  package var adminAddresses: [String] { processes.compactMap(\.adminAddress) }

  /// The nodes among the processes.
  package var nodes: [Process] { processes.filter { $0.publicAddress != nil } }

  /// Reads the state file of a data folder.
  ///
  /// - Throws: ``ProgramError`` when there is none or it cannot be read.
  package init(in layout: RunLayout) throws(ProgramError) {
    let text = try readFile(layout.state, status: .notFound)
    do {
      self = try JSONDecoder().decode(RunState.self, from: Data(text.utf8))
    } catch {
      throw ProgramError("\(layout.state) is not a state file of cs-up: \(error)")
    }
  }

  package init(
    name: String, topology: String, data: String, isEphemeral: Bool, pid: Int32, phase: Phase,
    activity: String? = nil, processes: [Process]
  ) {
    self.name = name
    self.topology = topology
    self.data = data
    self.isEphemeral = isEphemeral
    self.pid = pid
    self.phase = phase
    self.activity = activity
    self.processes = processes
  }
}
