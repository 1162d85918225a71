import Foundation
import TestSupport
import Testing

/// Members of a network of its own: each in a network namespace, all on one bridge, without any right
/// beyond those of the user (user_namespaces(7)).
///
/// A link is cut in one direction by giving the sender a wrong hardware address of the receiver: frames go
/// out as before and nobody takes them. So the sender notices nothing, as with a broken network, and the
/// other direction works. The test itself is outside; it starts programs inside.
final class NetworkNamespaces {
  /// Where a member is found.
  struct Member {
    let name: String
    /// Its IPv4 address, for all ports.
    let address: String
    fileprivate let hardwareAddress: String
    /// Keeps the namespace alive.
    fileprivate let holder: TestProcess
  }

  private static let nowhere = "02:00:00:00:ff:ff"
  /// Not routed anywhere: the network has no way out.
  private static let prefix = "10.77.0"

  private let bridge: TestProcess
  private(set) var members: [Member] = []

  /// What the kernel forbids, or `nil` when namespaces can be had.
  static func obstacle() async -> String? {
    do {
      let result = try await runProgram(
        "/usr/bin/env",
        [
          "unshare", "--user", "--map-root-user", "--net", "sh", "-c",
          "ip link add name x type bridge && ip link add name y type veth peer name z",
        ])
      return result.status == .code(0) ? nil : result.talk
    } catch {
      return "\(error)"
    }
  }

  /// Makes an empty network.
  init() async throws {
    bridge = try TestProcess(
      "/usr/bin/env",
      [
        "unshare", "--user", "--map-root-user", "--net", "sh", "-ec",
        """
        ip link set lo up
        ip link add name bridge type bridge
        ip address add \(Self.prefix).1/24 dev bridge
        ip link set bridge up
        echo ready
        exec sleep infinity
        """,
      ])
    try await bridge.waitForLine(containing: "ready", in: .standardOutput)
  }

  /// Adds a member.
  func add(_ name: String) async throws -> Member {
    let number = members.count + 2
    let holder = try TestProcess(
      "/usr/bin/env",
      inside(bridge)
        + ["unshare", "--net", "sh", "-ec", "ip link set lo up; echo ready; exec sleep infinity"])
    try await holder.waitForLine(containing: "ready", in: .standardOutput)
    let member = Member(
      name: name, address: "\(Self.prefix).\(number)",
      hardwareAddress: "02:00:00:00:00:\(number < 16 ? "0" : "")\(String(number, radix: 16))",
      holder: holder)
    try await shell(
      in: bridge,
      """
      ip link add name m\(number) type veth peer name eth0 \
        address \(member.hardwareAddress) netns \(holder.processID)
      ip link set m\(number) master bridge up
      """)
    try await shell(
      in: holder, "ip address add \(member.address)/24 dev eth0; ip link set eth0 up")
    members.append(member)
    return member
  }

  /// From now on nothing that `source` sends reaches `target`.
  func cut(from source: Member, to target: Member) async throws {
    try await setNeighbour(target, of: source, to: Self.nowhere)
  }

  /// What `source` sends reaches `target` again.
  func heal(from source: Member, to target: Member) async throws {
    try await setNeighbour(target, of: source, to: target.hardwareAddress)
  }

  /// Cuts two members off from each other.
  func cut(_ one: Member, _ other: Member) async throws {
    try await cut(from: one, to: other)
    try await cut(from: other, to: one)
  }

  /// Joins two members again.
  func heal(_ one: Member, _ other: Member) async throws {
    try await heal(from: one, to: other)
    try await heal(from: other, to: one)
  }

  /// Starts a program in a member's namespace; without a member, beside the bridge, where all members
  /// can be reached and nothing is cut.
  func start(
    in member: Member? = nil, _ program: String, _ arguments: [String],
    environment: [String: String] = [:]
  ) throws -> TestProcess {
    try TestProcess(
      "/usr/bin/env", inside(member?.holder ?? bridge) + [program] + arguments,
      environment: environment)
  }

  /// Runs a program to its end, likewise.
  func run(
    in member: Member? = nil, _ program: String, _ arguments: [String],
    within deadline: Duration = .seconds(30)
  ) async throws -> ProgramResult {
    try await runProgram(
      "/usr/bin/env", inside(member?.holder ?? bridge) + [program] + arguments, within: deadline)
  }

  private func setNeighbour(
    _ target: Member, of source: Member, to hardwareAddress: String
  ) async throws {
    try await shell(
      in: source.holder,
      "ip neighbour replace \(target.address) lladdr \(hardwareAddress) dev eth0 nud permanent")
  }

  private func shell(in holder: TestProcess, _ script: String) async throws {
    let result = try await runProgram("/usr/bin/env", inside(holder) + ["sh", "-ec", script])
    guard result.status == .code(0) else {
      throw ProcessEnded(text: "\(script): \(result.status)\n\(result.talk)")
    }
  }

  /// The words before a command that runs in a namespace. Each program replaces the one before, so that
  /// signals go to the command.
  private func inside(_ holder: TestProcess) -> [String] {
    [
      "nsenter", "--target", "\(holder.processID)", "--user", "--net", "--preserve-credentials",
    ]
  }
}

extension Trait where Self == ConditionTrait {
  /// Skips a test where the kernel or the system forbids namespaces of users and networks.
  static var needsNetworkNamespaces: Self {
    .enabled(
      "user and network namespaces are not available here; see Support/NetworkNamespaces.swift"
    ) {
      await NetworkNamespaces.obstacle() == nil
    }
  }
}
