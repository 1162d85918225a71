import CommandLineKit
package import SettingsReading
import Yams

/// Reads a topology file, version 1; `Topologies/` has commented examples.
///
/// Every problem is reported, with its line and column, before anything is started.
package struct TopologyReader {
  /// The name used in messages and hints.
  let file: String
  /// The absolute folder of the file; the base of relative paths.
  let folder: String
  let variables: (String) -> String?
  var fields = YAMLFields()
  /// What the file says under `chaos`, once that is read.
  private(set) var isChaotic = false

  /// - Parameters:
  ///   - file: the file as the user named it.
  ///   - folder: the absolute path of the file's folder, also the value of `${topology}`.
  ///   - programs: the folder of our programs, the value of `${bin}`.
  ///   - environment: looks up all other placeholders.
  package init(
    file: String, folder: String, programs: String, environment: @escaping (String) -> String?
  ) {
    self.file = file
    self.folder = folder
    variables = { name in
      switch name {
      case "bin": programs
      case "topology": folder
      default: environment(name)
      }
    }
  }

  /// Reads the content of the file.
  package mutating func read(_ text: String) throws(InvalidSettings) -> Topology {
    let root = fields.root(
      of: text, whenEmpty: "the file is empty; a topology has version, name and services")
    let topology = root.flatMap { self.topology($0) }
    guard let topology, fields.problems.isEmpty else {
      throw InvalidSettings(file: file, problems: fields.problems)
    }
    let problems = topology.portProblems()
    guard problems.isEmpty else { throw InvalidSettings(file: file, problems: problems) }
    return topology
  }

  private mutating func topology(_ root: Node) -> Topology? {
    guard
      let values = fields.mapping(
        root, "a topology",
        keys: [
          "version", "name", "data", "ephemeral", "defaults", "coordinator", "ports", "bus_key",
          "services", "chaos", "autoscaler",
        ])
    else { return nil }
    version(values["version"], root: root)
    let name = name(values["name"], "name", missingAt: root)
    let data = data(values, name: name ?? "")
    let coordinator = coordinator(values["coordinator"])
    let ports = ports(values["ports"], root: root)
    isChaotic = fields.boolean(values["chaos"], "chaos") ?? false
    if isChaotic, let port = coordinator.port {
      fields.report(
        SettingsProblem(
          "the coordinator's port and chaos: true exclude each other: the bus has no ports then",
          at: port.location))
    }
    let busKey = path(values["bus_key"], "bus_key")
    var defaults = ServiceDefaults()
    if let node = values["defaults"] { defaults = serviceDefaults(node) }
    let services = services(values["services"], defaults: defaults, root: root)
    checkCoordinators(coordinator, services: services ?? [])
    let autoscaler = autoscaler(
      values["autoscaler"], services: services ?? [],
      maximumNodes: isChaotic ? Topology.maximumChaoticNodes : Topology.maximumNodes)
    guard let name, let services else { return nil }
    return Topology(
      name: name, file: file, data: data, busKey: busKey, coordinator: coordinator,
      ports: ports, isChaotic: isChaotic, services: services, autoscaler: autoscaler)
  }

  private mutating func version(_ node: Node?, root: Node) {
    guard let node else {
      fields.report("version is missing; write version: 1", at: root)
      return
    }
    if node.scalar?.string != "1" {
      fields.report("version is \(YAMLFields.kind(node)); this program reads version 1", at: node)
    }
  }

  /// A required plain name.
  mutating func name(_ node: Node?, _ what: String, missingAt parent: Node) -> String? {
    guard let node else {
      fields.report("\(what) is missing", at: parent)
      return nil
    }
    guard let text = fields.text(node, what) else { return nil }
    guard Topology.isPlainName(text) else {
      fields.report(
        "\(what) is '\(text)'; it can be 1 to 56 letters, digits, '-' and '_'", at: node)
      return nil
    }
    return text
  }

  private mutating func data(_ values: [String: Node], name: String) -> Topology.Data {
    let isEphemeral = fields.boolean(values["ephemeral"], "ephemeral") ?? false
    guard let node = values["data"] else {
      return isEphemeral ? .ephemeral : .directory(absolutePath(".cloudstate/\(name)"))
    }
    if isEphemeral {
      fields.report("data and ephemeral: true exclude each other; keep one", at: node)
    }
    return .directory(path(node, "data") ?? folder)
  }

  private mutating func ports(_ node: Node?, root: Node) -> Located<Topology.Ports> {
    guard let node else { return Located(.free, at: YAMLFields.location(root)) }
    let location = YAMLFields.location(node)
    if let word = node.scalar?.string {
      if word != "free" {
        fields.report("ports is '\(word)'; write free, or a mapping like {base: 9000}", at: node)
      }
      return Located(.free, at: location)
    }
    guard let values = fields.mapping(node, "ports", keys: ["base"]) else {
      return Located(.free, at: location)
    }
    guard let baseNode = values["base"] else {
      fields.report("ports has no base; write ports: {base: 9000} or ports: free", at: node)
      return Located(.free, at: location)
    }
    let base = fields.integer(baseNode, "the base of ports", in: 1...65_535)
    return Located(
      base.map { .base(UInt16($0)) } ?? .free, at: YAMLFields.location(baseNode))
  }

  /// A path that may hold placeholders, relative to the file's folder.
  mutating func path(_ node: Node?, _ what: String) -> String? {
    guard let node, let text = expanded(node, what) else { return nil }
    guard !text.isEmpty else {
      fields.report("\(what) is empty", at: node)
      return nil
    }
    return absolutePath(text)
  }

  /// A text whose placeholders are replaced.
  mutating func expanded(_ node: Node, _ what: String) -> String? {
    guard let text = fields.text(node, what) else { return nil }
    do {
      return try expandPlaceholders(text, variables: variables)
    } catch {
      fields.report("\(what): \(error)", at: node)
      return nil
    }
  }

  private func absolutePath(_ path: String) -> String { normalizedPath(path, in: folder) }
}

/// `path` from `folder`, without `.` and `..` components; symbolic links are not looked at.
package func normalizedPath(_ path: String, in folder: String) -> String {
  let whole = path.hasPrefix("/") ? path : "\(folder)/\(path)"
  var components: [Substring] = []
  for component in whole.split(separator: "/") where component != "." {
    if component == ".." { _ = components.popLast() } else { components.append(component) }
  }
  return "/" + components.joined(separator: "/")
}
