package import CommandLineKit
import Launcher
import SettingsReading
import Yams

/// Reads a file of combinations, version 1; `Config/tck.yaml` is a commented example. Every problem is
/// told, with its line and column, before anything is started.
///
/// - Throws: ``ProgramError`` with status `usage`.
package func readCombinations(_ path: String) throws(ProgramError) -> [Combination] {
  let text = try readFile(path, status: .usage)
  let absolute = normalizedPath(path, in: currentDirectory())
  let folder = "/" + absolute.split(separator: "/").dropLast().joined(separator: "/")
  return try combinations(in: text, file: path, folder: folder)
}

/// As ``readCombinations(_:)``, of a text.
func combinations(
  in text: String, file: String, folder: String
) throws(ProgramError) -> [Combination] {
  var reader = CombinationReader(folder: folder)
  let combinations = reader.read(text)
  guard reader.fields.problems.isEmpty else {
    let invalid = InvalidSettings(file: file, problems: reader.fields.problems)
    throw ProgramError(invalid.description, status: .usage)
  }
  return combinations
}

private struct CombinationReader {
  let folder: String
  var fields = YAMLFields()

  mutating func read(_ text: String) -> [Combination] {
    guard
      let root = fields.root(
        of: text, whenEmpty: "the file is empty; write version and combinations")
    else { return [] }
    guard
      let values = fields.mapping(root, "the file", keys: ["version", "combinations"])
    else { return [] }
    if values["version"]?.scalar?.string != "1" {
      fields.report("write version: 1", at: values["version"] ?? root)
    }
    guard let list = values["combinations"] else {
      fields.report("combinations is missing", at: root)
      return []
    }
    let nodes = fields.list(list, "combinations") ?? []
    if nodes.isEmpty { fields.report("combinations is empty", at: list) }
    var combinations: [Combination] = []
    for node in nodes {
      guard let combination = combination(node) else { continue }
      if combinations.contains(where: { $0.name == combination.name }) {
        fields.report("the name '\(combination.name)' is given twice", at: node)
      }
      combinations.append(combination)
    }
    return combinations
  }

  private mutating func combination(_ node: Node) -> Combination? {
    guard
      let values = fields.mapping(
        node, "a combination",
        keys: ["name", "function", "proxy", "suites", "expected-failures", "wait"])
    else { return nil }
    guard let name = fields.text(values["name"], "name"), !name.isEmpty else {
      fields.report("a combination needs a name", at: values["name"] ?? node)
      return nil
    }
    let isFunctionInside = values["function"]?.scalar?.string == "embedded"
    let function =
      isFunctionInside
      ? nil : values["function"].flatMap { program($0, "the function of \(name)") }
    let proxy = values["proxy"].flatMap { program($0, "the proxy of \(name)") }
    let suites = suites(values["suites"], name, at: node)
    var combination = Combination(
      name: name, function: function, proxy: proxy, suites: suites, expectedFailures: [],
      wait: fields.duration(
        values["wait"], "wait", in: .milliseconds(1) ... .seconds(600)) ?? .seconds(30))
    combination.isFunctionInside = isFunctionInside
    combination.expectedFailures = expectedFailures(values["expected-failures"], combination)
    if isFunctionInside, let node = values["suites"], !suites.isEmpty, suites != [.proxy] {
      fields.report(
        "an embedded function goes with the suite proxy alone: nobody else reaches it", at: node)
    }
    if suites != [.scripted], !suites.isEmpty, values["function"] == nil {
      fields.report("\(name) needs a function for its suites", at: node)
    }
    if suites.contains(.proxy) || suites.contains(.scripted), values["proxy"] == nil {
      fields.report("\(name) needs a proxy for its suites", at: node)
    }
    return combination
  }

  private mutating func suites(_ node: Node?, _ name: String, at place: Node) -> [Combination.Suite]
  {
    guard let node else {
      let all = Combination.Suite.allCases.map(\.rawValue).joined(separator: ", ")
      fields.report("\(name) needs suites, some of \(all)", at: place)
      return []
    }
    let suites = (fields.list(node, "suites") ?? []).compactMap {
      fields.choice($0, "a suite", of: Combination.Suite.self)
    }
    if suites.contains(.cart), suites.count > 1 {
      fields.report("cart goes with no other suite: its proxy speaks protocol 0.1", at: node)
    }
    return suites
  }

  private mutating func program(_ node: Node, _ what: String) -> Combination.Program? {
    guard let values = fields.mapping(node, what, keys: ["command", "env", "directory"]) else {
      return nil
    }
    guard let command = fields.text(values["command"], "command of \(what)") else {
      if values["command"] == nil { fields.report("\(what) needs a command", at: node) }
      return nil
    }
    if splitCommand(command)?.isEmpty ?? true {
      fields.report("command of \(what) is no command line", at: values["command"] ?? node)
    }
    var environment: [String: String] = [:]
    if let env = values["env"] {
      for (key, value) in env.mapping ?? [:] {
        guard let name = key.scalar?.string, let text = fields.text(value, "a variable") else {
          continue
        }
        environment[name] = text
      }
      if env.mapping == nil { fields.report("env of \(what) is not a mapping", at: env) }
    }
    let directory = fields.text(values["directory"], "directory of \(what)") ?? "."
    return Combination.Program(
      command: command, environment: environment,
      directory: normalizedPath(directory, in: folder))
  }

  private mutating func expectedFailures(
    _ node: Node?, _ combination: Combination
  ) -> [Combination.ExpectedFailure] {
    guard let node else { return [] }
    var failures: [Combination.ExpectedFailure] = []
    for entry in fields.list(node, "expected-failures") ?? [] {
      guard let values = fields.mapping(entry, "an expected failure", keys: ["case", "reason"]),
        let pattern = fields.text(values["case"], "case"),
        let reason = fields.text(values["reason"], "reason")
      else {
        fields.report("an expected failure needs a case and a reason", at: entry)
        continue
      }
      // A typo must not look like a known failure.
      if !combination.cases.contains(where: { glob(pattern, $0.id) }) {
        fields.report("\(combination.name) runs no case '\(pattern)'", at: entry)
      }
      failures.append(Combination.ExpectedFailure(pattern: pattern, reason: reason))
    }
    return failures
  }
}
