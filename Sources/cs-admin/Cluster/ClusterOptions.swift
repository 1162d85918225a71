import ArgumentParser
import CommandLineKit

/// Options of the commands that ask a coordinator.
struct ClusterOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The coordinator's administration, or those of several, of which the leader is found; default "
        + "CS_COORDINATOR_ADMIN, else 127.0.0.1:9110.",
      valueName: "host:port,..."))
  var coordinator: String?
  @Option(help: ArgumentHelp("Longest wait for an answer; default CS_TIMEOUT, else 5s."))
  var timeout: Duration?
  @OptionGroup var outputOptions: OutputOptions

  static let defaultCoordinator = "127.0.0.1:9110"

  var console: Console { outputOptions.console }

  /// - Throws: ``ProgramError`` with status `usage` for what is no address or no duration.
  func client() throws(ProgramError) -> AdminClient {
    let text = coordinator ?? environmentVariable("CS_COORDINATOR_ADMIN") ?? Self.defaultCoordinator
    var addresses: [AdminClient.Address] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let address = AdminClient.Address(part) else {
        throw ProgramError(
          "'\(part)' is not HOST:PORT of a coordinator",
          hint: "--coordinator \(Self.defaultCoordinator)", status: .usage)
      }
      addresses.append(address)
    }
    return AdminClient(addresses: addresses, timeout: try limit())
  }

  private func limit() throws(ProgramError) -> Duration {
    if let timeout { return timeout }
    guard let text = environmentVariable("CS_TIMEOUT") else { return .seconds(5) }
    guard let duration = Duration(argument: text) else {
      throw ProgramError(
        "CS_TIMEOUT is '\(text)', which is no duration", hint: "CS_TIMEOUT=5s", status: .usage)
    }
    return duration
  }

  /// Prints an answer: as text for people, or its JSON.
  func print(_ answer: AdminClient.Answer, text: () throws -> String) throws {
    let format = try outputOptions.format()
    try console.output(format == .text ? try text() : answer.json(format))
  }

  /// Sends a request that changes something and prints what came of it.
  func change(_ path: String) async throws {
    let answer = try await client().post(path)
    try print(answer) { try answer.decoded(OutcomeText.self).message }
  }
}

/// What a change that was carried out says.
private struct OutcomeText: Decodable {
  var message: String
}
