import Foundation
import TestSupport

/// Changes of replicated entities of every type through chosen nodes, by `cs-send`, and what must come of them.
final class ReplicatedLoad {
  static let kinds = [
    "GCounter", "PNCounter", "GSet", "ORSet", "LWWRegister", "Flag", "ORMap", "Vote",
  ]
  private static let target = "cloudstate.tck.model.crdt.CrdtTckModel/Process"

  struct Run {
    let process: TestProcess
    let report: String
  }

  private let cluster: TestCluster
  private var reports: [String] = []
  private var sent: [String] = []
  private var count = 0

  init(cluster: TestCluster) { self.cluster = cluster }

  // MARK: Changes

  /// Commands with one change each, as bodies in JSON. Every change can be told from every other one.
  func lines(
    count lines: Int, consistencies: [String], _ random: inout SeededGenerator
  ) -> [String] {
    (0..<lines).map { _ in
      count += 1
      let kind = Self.kinds.dropLast()[Int.random(in: 0..<Self.kinds.count - 1, using: &random)]
      let consistency = consistencies[Int.random(in: 0..<consistencies.count, using: &random)]
      let change =
        switch kind {
        case "GCounter": #""gcounter":{"increment":\#(Int.random(in: 1...9, using: &random))}"#
        case "PNCounter": #""pncounter":{"change":\#(Int.random(in: -9...9, using: &random))}"#
        case "GSet": #""gset":{"add":"e\#(count)"}"#
        case "ORSet": #""orset":{"add":"e\#(count)"}"#
        case "LWWRegister":
          #""lwwregister":{"value":"v\#(count)","clock":{"clockType":"CUSTOM","customClockValue":"\#(count)"}}"#
        case "Flag": #""flag":{}"#
        default:
          #""ormap":{"update":{"key":"GCounter-\#(count % 5)","update":{"gcounter":{"increment":1}}}}"#
        }
      return
        #"{"id":"\#(kind)-1","actions":[{"update":{\#(change),"writeConsistency":"\#(consistency)"}}]}"#
    }
  }

  /// Begins to send commands through one node, one after the other.
  func start(at node: Int, _ lines: [String], timeout: String = "20s") throws -> Run {
    let number = reports.count
    let (input, report) = (
      "\(cluster.folder.path)/lines-\(number)", "\(cluster.folder.path)/report-\(number)"
    )
    try lines.map { $0 + "\n" }.joined().write(toFile: input, atomically: true, encoding: .utf8)
    sent += lines
    reports.append(report)
    let process = try TestProcess(
      "/bin/sh",
      [
        "-c",
        "exec '\(builtProduct("cs-send"))' -s \(cluster.nodes[node].address) \(Self.target) --lines "
          + "--timeout \(timeout) --report '\(report)' --raw < '\(input)'",
      ])
    return Run(process: process, report: report)
  }

  /// Sends commands and answers how many succeeded.
  func run(at node: Int, _ lines: [String], timeout: String = "20s") async throws -> Int {
    let run = try start(at: node, lines, timeout: timeout)
    try await finish(run)
    return try successes(of: run.report).count
  }

  func finish(_ run: Run) async throws { try await run.process.waitForExit(within: .seconds(120)) }

  func reportedCount(_ run: Run) throws -> Int {
    guard let text = try? String(contentsOfFile: run.report, encoding: .utf8) else { return 0 }
    return text.split(separator: "\n").count
  }

  func vote(_ isYes: Bool, at node: Int) async throws {
    try await send(
      #"{"id":"Vote-1","actions":[{"update":{"vote":{"selfVote":\#(isYes)}}}]}"#, at: node)
  }

  /// Sends one command, which must succeed.
  func send(_ body: String, at node: Int) async throws { _ = try await answer(body, at: node) }

  func fails(_ body: String, at node: Int, with text: String) async throws -> Bool {
    let result = try await runTool(
      "cs-send", ["-s", cluster.nodes[node].address, Self.target, body])
    return result.status != .code(0) && result.talk.contains(text)
  }

  // MARK: States

  /// The state of the entity of a type as a node tells it, without what differs from node to node.
  func state(_ kind: String, at node: Int) async throws -> String {
    let text = try await stateText(#"{"id":"\#(kind)-1"}"#, at: node)
    return text.replacing(#""selfVote":true,"#, with: "").replacing(#""selfVote":false,"#, with: "")
  }

  func stateText(_ body: String, at node: Int) async throws -> String {
    let object =
      try JSONSerialization.jsonObject(with: Data(try await answer(body, at: node).utf8))
      as? [String: Any]
    let state = try JSONSerialization.data(
      withJSONObject: object?["state"] ?? [:], options: [.sortedKeys])
    return String(decoding: state, as: UTF8.self)
  }

  private func answer(_ body: String, at node: Int) async throws -> String {
    let result = try await runTool(
      "cs-send",
      ["-s", cluster.nodes[node].address, Self.target, body, "--raw", "--timeout", "20s"])
    guard result.status == .code(0) else {
      throw ProcessEnded(text: "\(body) at node \(node): \(result.status) \(result.talk)")
    }
    return result.output
  }

  // MARK: Law

  private func successes(of report: String) throws -> [[String: Any]] {
    let text = (try? String(contentsOfFile: report, encoding: .utf8)) ?? ""
    return try text.split(separator: "\n").compactMap { line in
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      return object?["ok"] as? Bool == true ? object?["request"] as? [String: Any] : nil
    }
  }

  /// What was sent, and what of it was acknowledged.
  func expectation() throws -> ReplicatedExpectation {
    let sent = try sent.compactMap {
      try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
    }
    return ReplicatedExpectation(
      acknowledged: try reports.flatMap(successes), sent: sent, votesFor: 2, voters: 3)
  }
}

/// The bounds of each value: what was acknowledged is there, and nothing is there that was never sent. A command
/// without an answer may have been carried out or not.
struct ReplicatedExpectation {
  private let acknowledged: [String: [[String: Any]]]
  private let sent: [String: [[String: Any]]]
  private let votesFor: Int
  private let voters: Int

  /// Requests to the model function, one change each.
  init(
    acknowledged: [[String: Any]], sent: [[String: Any]], votesFor: Int, voters: Int
  ) {
    func changes(_ requests: [[String: Any]]) -> [String: [[String: Any]]] {
      var changes: [String: [[String: Any]]] = [:]
      for request in requests {
        guard let id = request["id"] as? String,
          let action = (request["actions"] as? [[String: Any]])?.first,
          let update = action["update"] as? [String: Any]
        else { continue }
        let kind = id.split(separator: "-")[0]
        if let change = update[kind.lowercased()] as? [String: Any] {
          changes[String(kind), default: []].append(change)
        }
      }
      return changes
    }
    self.acknowledged = changes(acknowledged)
    self.sent = changes(sent)
    self.votesFor = votesFor
    self.voters = voters
  }

  /// What is wrong with a state, as the model function tells it; `nil` if nothing is.
  func problem(of kind: String, state: String) throws -> String? {
    let object = try JSONSerialization.jsonObject(with: Data(state.utf8)) as? [String: Any]
    guard let value = object?[kind.lowercased()] as? [String: Any] else { return "no value" }
    let (acknowledged, sent) = (acknowledged[kind] ?? [], sent[kind] ?? [])
    switch kind {
    case "GCounter":
      return range(value["value"], acknowledged, sent) { $0["increment"] as? Int ?? 0 }
    case "PNCounter":
      return range(value["value"], acknowledged, sent) { $0["change"] as? Int ?? 0 }
    case "GSet", "ORSet":
      let elements = Set(value["elements"] as? [String] ?? [])
      let (needed, possible) = (
        Set(acknowledged.compactMap { $0["add"] as? String }),
        Set(sent.compactMap { $0["add"] as? String })
      )
      if !needed.isSubset(of: elements) { return "lost \(needed.subtracting(elements).sorted())" }
      if !elements.isSubset(of: possible) {
        return "invented \(elements.subtracting(possible).sorted())"
      }
      return nil
    case "LWWRegister":
      let number = Int((value["value"] as? String ?? "").dropFirst()) ?? -1
      let clocks = acknowledged.compactMap { Int(($0["value"] as? String ?? "").dropFirst()) }
      return number >= clocks.max() ?? 0 ? nil : "an older write than \(clocks.max() ?? 0) won"
    case "Flag":
      return value["value"] as? Bool ?? false == !acknowledged.isEmpty || acknowledged.isEmpty
        ? nil : "the flag is off"
    case "ORMap":
      let entries = value["entries"] as? [[String: Any]] ?? []
      let needed = acknowledged.compactMap { ($0["update"] as? [String: Any])?["key"] as? String }
      let missing = Set(needed).subtracting(entries.compactMap { $0["key"] as? String })
      if !missing.isEmpty { return "lost \(missing.sorted())" }
      for entry in entries {
        let key = entry["key"] as? String
        func ofKey(_ changes: [[String: Any]]) -> [[String: Any]] {
          changes.filter { ($0["update"] as? [String: Any])?["key"] as? String == key }
        }
        let counter = (entry["value"] as? [String: Any])?["gcounter"] as? [String: Any]
        if let problem = range(
          counter?["value"], ofKey(acknowledged), ofKey(sent), amount: { _ in 1 })
        {
          return "\(key ?? ""): \(problem)"
        }
      }
      return nil
    default:
      return value["votesFor"] as? Int == votesFor && value["totalVoters"] as? Int == voters
        ? nil : "expected \(votesFor) of \(voters) votes"
    }
  }

  private func range(
    _ value: Any?, _ acknowledged: [[String: Any]], _ sent: [[String: Any]],
    amount: ([String: Any]) -> Int
  ) -> String? {
    let sum = acknowledged.map(amount).reduce(0, +)
    // Commands are alike, so those without an answer are what remains when the others are taken away.
    var rest = sent.map(amount)
    for amount in acknowledged.map(amount) {
      if let index = rest.firstIndex(of: amount) { rest.remove(at: index) }
    }
    let (least, most) = (
      sum + rest.filter { $0 < 0 }.reduce(0, +), sum + rest.filter { $0 > 0 }.reduce(0, +)
    )
    guard let number = Int(value as? String ?? ""), (least...most).contains(number) else {
      return "expected \(least) to \(most)"
    }
    return nil
  }
}
