import SettingsReading
import Yams

extension TopologyReader {
  private static let autoscalerKeys = [
    "services", "scaler", "minimum", "maximum", "step", "target_functions", "target_requests",
    "margin", "window", "rate_window", "tick", "up_deadline", "down_deadline", "warm_up", "repeat",
  ]
  private static let times = Duration.milliseconds(100)...Duration.seconds(86_400)

  /// - Parameters:
  ///   - services: those of the topology, all of which are scaled unless the section names some.
  ///   - maximumNodes: that one service may have here.
  mutating func autoscaler(
    _ node: Node?, services: [Topology.Service], maximumNodes: Int
  ) -> AutoscalerTopology? {
    guard let node,
      let values = fields.mapping(node, "autoscaler", keys: Self.autoscalerKeys)
    else { return nil }
    var read = AutoscalerTopology(services: services.map(\.name))
    if let list = values["services"] {
      read.services = scaledServices(list, of: services.map(\.name))
    }
    let what = { (key: String) in "\(key) of autoscaler" }
    read.scaler =
      fields.choice(values["scaler"], what("scaler"), of: AutoscalerTopology.Scaler.self)
      ?? .launcher
    read.minimum = fields.integer(values["minimum"], what("minimum"), in: 1...maximumNodes)
    read.maximum = fields.integer(values["maximum"], what("maximum"), in: 1...maximumNodes)
    read.step = fields.integer(values["step"], what("step"), in: 0...maximumNodes)
    read.targetFunctions = fields.number(
      values["target_functions"], what("target_functions"), in: 0.01...100_000)
    read.targetRequests = fields.number(
      values["target_requests"], what("target_requests"), in: 0.01...100_000)
    read.margin = fields.number(values["margin"], what("margin"), in: 0...0.5)
    read.window = fields.duration(
      values["window"], what("window"), in: .seconds(1)...(.seconds(3600)))
    read.rateWindow = fields.duration(
      values["rate_window"], what("rate_window"), in: .seconds(1)...(.seconds(3600)))
    read.tick = fields.duration(
      values["tick"], what("tick"), in: .milliseconds(100)...(.seconds(60)))
    read.upDeadline = fields.duration(values["up_deadline"], what("up_deadline"), in: Self.times)
    read.downDeadline = fields.duration(
      values["down_deadline"], what("down_deadline"), in: Self.times)
    read.warmUp = fields.duration(
      values["warm_up"], what("warm_up"), in: .zero...(.seconds(3600)))
    read.repetition = fields.duration(values["repeat"], what("repeat"), in: Self.times)
    checkRelations(&read, values, node, services: services, maximumNodes: maximumNodes)
    return read
  }

  private mutating func scaledServices(_ node: Node, of known: [String]) -> [String] {
    var names: [String] = []
    for element in fields.list(node, "services of autoscaler") ?? [] {
      guard let name = fields.text(element, "a service of autoscaler") else { continue }
      if !known.contains(name) {
        let suggestion = nearest(to: name, among: known).map { "; did you mean '\($0)'?" }
        fields.report(
          "autoscaler names the service '\(name)'"
            + (suggestion ?? "; there are \(known.joined(separator: ", "))"), at: element)
      } else if names.contains(name) {
        fields.report("autoscaler names the service '\(name)' twice", at: element)
      } else {
        names.append(name)
      }
    }
    if names.isEmpty, node.sequence?.isEmpty == true {
      fields.report("services of autoscaler is empty; leave it out to scale all", at: node)
    }
    return names
  }

  /// What the coordinator would refuse later, when everything is starting already. Absent values are the coordinator's.
  private mutating func checkRelations(
    _ read: inout AutoscalerTopology, _ values: [String: Node], _ node: Node,
    services: [Topology.Service], maximumNodes: Int
  ) {
    // A launcher has its own bound.
    if values["maximum"] == nil { read.maximum = maximumNodes }
    let maximum = read.maximum ?? maximumNodes
    if let minimum = read.minimum, minimum > maximum {
      fields.report(
        "minimum of autoscaler is \(minimum), more than maximum, \(maximum)",
        at: values["minimum"] ?? node)
    }
    for service in services where read.services.contains(service.name) {
      if service.nodes > maximum {
        fields.report(
          "service '\(service.name)' starts with \(service.nodes) nodes, more than maximum of autoscaler, "
            + "\(maximum)", at: values["maximum"] ?? node)
      }
      if let copies = service.copies.replication, copies > read.minimum ?? 1 {
        fields.report(
          "service '\(service.name)' keeps \(copies) copies, so autoscaler never leaves it fewer nodes; write "
            + "minimum: \(copies)", at: values["minimum"] ?? node)
      }
    }
    let window = read.window ?? .seconds(60)
    if let rateWindow = read.rateWindow, rateWindow > window {
      fields.report(
        "rate_window of autoscaler is \(rateWindow.text), longer than window, \(window.text)",
        at: values["rate_window"] ?? node)
    } else if read.rateWindow == nil, window < .seconds(6) {
      fields.report(
        "window of autoscaler is \(window.text), shorter than rate_window, 6s unless it is named",
        at: values["window"] ?? node)
    }
    let tick = read.tick ?? .seconds(2)
    for (key, value) in [
      ("up_deadline", read.upDeadline), ("down_deadline", read.downDeadline),
      ("repeat", read.repetition),
    ] {
      guard let value, value < tick else { continue }
      fields.report(
        "\(key) of autoscaler is \(value.text), shorter than tick, \(tick.text)",
        at: values[key] ?? node)
    }
  }
}
