package import CommandLineKit
import FoundationEssentials

/// The one answer to a ``ControlRequest``, as one line of JSON.
package struct ControlAnswer: Hashable, Sendable, Codable {
  package var version = ControlRequest.currentVersion
  package var ok: Bool
  /// What was done, or why it was not; a sentence for people.
  package var message: String
  /// What to do next, after a failure.
  package var hint: String?
  /// The exit status of the program that asked, see ``ExitStatus``.
  package var status: Int32
  /// `scale`: the number of nodes the service has now, also after a failure; if it was not waited for,
  /// and with `nodes`: the number it is to have.
  package var nodes: Int?
  /// `nodes`: how many are ready.
  package var ready: Int?

  package init(_ message: String, nodes: Int? = nil, ready: Int? = nil) {
    ok = true
    self.message = message
    status = ExitStatus.ok.rawValue
    self.nodes = nodes
    self.ready = ready
  }

  init(_ error: ProgramError, nodes: Int? = nil) {
    ok = false
    message = error.message
    hint = error.hint
    status = error.status.rawValue
    self.nodes = nodes
  }

  /// Reads one line.
  ///
  /// - Throws: ``ProgramError`` when it is no answer.
  init(line: [UInt8]) throws(ProgramError) {
    do {
      self = try JSONDecoder().decode(Self.self, from: Data(line))
    } catch {
      throw ProgramError("cs-up answered what is not an answer: \(error)")
    }
  }

  package var json: JSONText {
    var members: [(String, JSONText)] = [
      ("version", .integer(Int64(version))), ("ok", .bool(ok)), ("message", .string(message)),
    ]
    if let hint { members.append(("hint", .string(hint))) }
    members.append(("status", .integer(Int64(status))))
    if let nodes { members.append(("nodes", .integer(Int64(nodes)))) }
    if let ready { members.append(("ready", .integer(Int64(ready)))) }
    return .object(members)
  }

  /// The failure it tells of, to be thrown on.
  package var error: ProgramError? {
    guard !ok else { return nil }
    return ProgramError(
      message, hint: hint, status: ExitStatus(rawValue: status) ?? .failure)
  }
}
