import Foundation
import TestSupport
import Testing

/// Three members of etcd and three coordinators that share it, all real processes.
final class ElectedCoordinators {
  let etcd: TestEtcd
  private let ports: [Int]
  private let adminPorts: [Int]
  private let arguments: [String]
  private let lease: String
  private let nodes: Int
  private(set) var processes: [TestProcess?]

  /// Starts everything and waits until one leads.
  ///
  /// - Parameter arguments: more flags of each coordinator.
  init(nodes: Int = 3, lease: String = "3s", arguments: [String] = []) async throws {
    etcd = try await TestEtcd(members: 3)
    ports = try (0..<3).map { _ in try freePort() }
    adminPorts = try (0..<3).map { _ in try freePort() }
    self.arguments = arguments
    self.lease = lease
    self.nodes = nodes
    processes = [nil, nil, nil]
    for index in 0..<3 { try start(index) }
    _ = try await leader()
  }

  /// For `--coordinator`: all of them, or one.
  var endpoints: String { (0..<3).map(endpoint).joined(separator: ",") }

  func endpoint(_ index: Int) -> String { "tcp://127.0.0.1:\(ports[index])" }

  /// For `cs-admin --coordinator`, likewise.
  var adminAddresses: String { (0..<3).map(adminAddress).joined(separator: ",") }

  func adminAddress(_ index: Int) -> String { "127.0.0.1:\(adminPorts[index])" }

  func start(_ index: Int) throws {
    processes[index] = try TestProcess(
      builtProduct("cs-coordinator"),
      [
        "--bus", endpoint(index), "--etcd", etcd.endpoints, "--etcd-prefix", "/cs/test",
        "--name", "c\(index)", "--etcd-lease", lease, "--expect", "cart=\(nodes)",
        "--admin", adminAddress(index),
      ] + arguments)
  }

  func kill(_ index: Int) async throws {
    processes[index]?.signal(SIGKILL)
    try await processes[index]?.waitForExit()
    processes[index] = nil
  }

  /// Asks it to stop, and waits for its end.
  func stop(_ index: Int) async throws {
    processes[index]?.signal(SIGTERM)
    let exit = try await processes[index]?.waitForExit()
    #expect(exit == .code(0), "\(log(index).suffix(2000))")
    processes[index] = nil
  }

  func log(_ index: Int) -> String { processes[index]?.output(.standardError) ?? "" }

  /// Who leads, once somebody else than `former` does.
  func leader(
    otherThan former: Int? = nil, within deadline: Duration = .seconds(20)
  ) async throws -> Int {
    var found: Int?
    try await eventually("a coordinator leads", within: deadline) {
      found = try await leaderNow()
      return found != nil && found != former
    }
    return try #require(found)
  }

  private func leaderNow() async throws -> Int? {
    for member in 0..<3 {
      guard
        let text = try await etcd.control(
          ["get", "/cs/test/leader", "--print-value-only"], member: member)
      else { continue }
      guard let digit = text.split(separator: " ").first?.dropFirst() else { return nil }
      return Int(digit)
    }
    return nil
  }

  /// The fence of the term under way; `nil` while nobody leads.
  func term(member: Int = 0) async throws -> Int? {
    guard
      let text = try await etcd.control(["get", "/cs/test/leader", "-w", "json"], member: member)
    else { return nil }
    let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    let values = object?["kvs"] as? [[String: Any]]
    return values?.first?["create_revision"] as? Int
  }

  /// The newest plan.
  func planNumber(member: Int = 0) async throws -> Int {
    let text =
      try await etcd.control(["get", "/cs/test/plan/", "--prefix", "--keys-only"], member: member)
      ?? ""
    return text.split(separator: "\n").compactMap { Int($0.suffix(20)) }.max() ?? 0
  }
}
