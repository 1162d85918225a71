package import CommandLineKit
import GRPCTransport
import Glibc
import Launcher

/// How a proxy is started: a command line with `${function}` for where its user function listens (or
/// `${tap}` for whom it has to tell of the one inside it), `${listen}` for where it has to listen itself, `${port}` for the port of that, `${data}` for a folder
/// of its own and `${bin}` for the folder of our programs; all else is an environment variable.
package struct ProxyCommand: Hashable, Sendable {
  private let text: String
  private let environment: [String: String]
  private let directory: String
  /// What stands for where the kit listens.
  private let linkName: String

  /// - Parameter isFunctionInside: the proxy has its user function inside, and needs `${tap}`.
  /// - Throws: ``ProgramError`` with status `usage` if the text is no command line.
  package init(
    _ text: String, environment: [String: String] = [:], directory: String = currentDirectory(),
    isFunctionInside: Bool = false
  ) throws(ProgramError) {
    linkName = isFunctionInside ? "tap" : "function"
    self.text = text
    self.environment = environment
    self.directory = directory
    _ = try command(link: .tcp(host: "127.0.0.1", port: 1), port: 2, data: "/")
  }

  /// What to start for a free port, and the address where the kit listens.
  func command(
    link address: GRPCAddress, port: Int, data: String
  ) throws(ProgramError) -> KitCommand {
    try kitCommand(
      text, environment: environment, directory: directory,
      variables: [
        linkName: address.description, "listen": "127.0.0.1:\(port)", "port": "\(port)",
        "data": data,
      ])
  }
}

/// A command line with its placeholders replaced.
///
/// - Throws: ``ProgramError`` with status `usage` if a placeholder has no value or a quote no end.
func kitCommand(
  _ text: String, environment: [String: String], directory: String, variables: [String: String]
) throws(ProgramError) -> KitCommand {
  let programs = try programFolder()
  var inherited = currentEnvironment()
  func expanded(_ text: String) throws(ProgramError) -> String {
    do {
      return try expandPlaceholders(text) { name in
        variables[name] ?? (name == "bin" ? programs : inherited[name])
      }
    } catch { throw ProgramError("\(error)", status: .usage) }
  }
  guard let words = splitCommand(text), !words.isEmpty else {
    throw ProgramError("'\(text)' is no command line", status: .usage)
  }
  let command = try words.map { word throws(ProgramError) in try expanded(word) }
  for (name, value) in environment { inherited[name] = try expanded(value) }
  return KitCommand(words: command, environment: inherited, directory: directory)
}

/// A port of the loopback address that nobody uses now.
///
/// - Throws: ``ProgramError`` if the system has none.
func freePort() throws(ProgramError) -> Int {
  var random = SystemRandomNumberGenerator()
  var ports = FreePorts(taken: [], using: &random)
  return Int(try ports.next())
}
