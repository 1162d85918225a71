package import CloudstateModel
import FoundationEssentials
import NIOCore
import NIOPosix

/// Settings of a ``CommandScaler``.
package struct CommandScalerConfiguration: Hashable, Sendable {
  /// The program and its arguments. It is run as it is, by no shell; the wanted number of nodes is added as the last
  /// argument. An exit code of 0 means that the request is accepted.
  package var command: [String]
  /// A program that writes the number of nodes that are asked for, as its whole standard output; `nil` if there is
  /// none: then the number of members is taken for it.
  package var showCommand: [String]?
  /// Variables besides `CS_SERVICE`, `CS_MEMBERS` and (of a request) `CS_SCALE` and `CS_LEAVING`.
  package var environment: [String: String]
  /// A run that takes longer is killed, with all processes it started. Default 30 s.
  package var timeout: Duration

  /// - Parameter environment: by default this process's own.
  package init(
    command: [String], showCommand: [String]? = nil,
    environment: [String: String] = ProcessInfo.processInfo.environment,
    timeout: Duration = .seconds(30)
  ) {
    self.command = command
    self.showCommand = showCommand
    self.environment = environment
    self.timeout = timeout
  }

  /// - Throws: ``ScalerError`` with `.invalidConfiguration`, whose message says what to change.
  package func validate() throws(ScalerError) {
    for (name, command) in [("scale", command), ("show", showCommand ?? ["/"])] {
      // No search along PATH: which program runs must not depend on where this one was started.
      guard let program = command.first, program.hasPrefix("/") else {
        throw ScalerError(
          .invalidConfiguration,
          "the \(name) command must begin with the absolute path of a program, not "
            + quoted(command.first ?? ""))
      }
      guard command.allSatisfy({ !$0.utf8.contains(0) }) else {
        throw ScalerError(.invalidConfiguration, "the \(name) command contains a zero byte")
      }
    }
    guard timeout > .zero, timeout <= .seconds(3600) else {
      throw ScalerError(
        .invalidConfiguration,
        "the timeout of the scale command must be at most 1 h, not \(timeout)")
    }
  }
}

/// Scales by running a command.
package struct CommandScaler: Scaler {
  private let service: ServiceName
  private let configuration: CommandScalerConfiguration
  private let members: @Sendable () async -> Int

  /// - Parameter members: the members of the service that are up.
  /// - Throws: ``ScalerError`` with `.invalidConfiguration`.
  package init(
    service: ServiceName, configuration: CommandScalerConfiguration,
    members: @escaping @Sendable () async -> Int
  ) throws(ScalerError) {
    try configuration.validate()
    self.service = service
    self.configuration = configuration
    self.members = members
  }

  package func observe() async throws(ScalerError) -> DeploymentScale {
    let present = await members()
    guard let command = configuration.showCommand else {
      return DeploymentScale(name: service.text, ready: present, scale: present)
    }
    let output = try await run(command, variables: ["CS_MEMBERS": "\(present)"])
    let text = output.filter { !$0.isWhitespace }
    guard let scale = Int(text), scale >= 0 else {
      throw ScalerError(
        .malformedAnswer,
        "\(command[0]) must write the number of nodes that are asked for, not "
          + quoted(output))
    }
    return DeploymentScale(name: service.text, ready: present, scale: scale)
  }

  /// The command finds the names of the nodes to stop in `CS_LEAVING`, separated by spaces; it is empty when more nodes
  /// are asked for. Names are letters, digits, `-` and `_`, so a shell may take them apart unquoted.
  package func request(_ scale: Int, leaving: [NodeID]) async throws(ScalerError) {
    let present = await members()
    _ = try await run(
      configuration.command + ["\(scale)"],
      variables: [
        "CS_MEMBERS": "\(present)", "CS_SCALE": "\(scale)",
        "CS_LEAVING": leaving.map(\.text).joined(separator: " "),
      ])
  }

  private func run(
    _ command: [String], variables: [String: String]
  ) async throws(ScalerError) -> String {
    var environment = configuration.environment
    environment["CS_SERVICE"] = service.text
    environment.merge(variables) { _, own in own }
    let request = CommandRun(
      command: command, environment: environment, timeout: configuration.timeout)
    let ended: CommandRun.End
    do {
      // A thread that may block: the run is bounded by its timeout.
      ended = try await withTaskCancellationHandler {
        try await NIOThreadPool.singleton.runIfActive { try request.run() }
      } onCancel: {
        request.interrupt.raise()
      }
    } catch {
      throw error as? ScalerError ?? ScalerError(.failed, "cannot run \(command[0]): \(error)")
    }
    guard ended.exitCode == 0 else {
      let way = ended.exitCode.map { "ended with exit code \($0)" } ?? "was ended by a signal"
      throw ScalerError(.failed, "\(command[0]) \(way): \(said(ended.errorOutput))")
    }
    return ended.output
  }
}
