import Glibc
package import Testing

/// The path of etcd, if it is installed: Debian's packages `etcd-server` and `etcd-client`.
package let etcdProgram: String? = programOnPath("etcd")
/// That of its command line tool.
package let etcdctlProgram: String? = programOnPath("etcdctl")

/// What a test says that needs both and is skipped.
package let etcdIsMissing: Comment =
  "needs etcd and etcdctl: Scripts/install-dependencies --tests"

/// A cluster of real etcd members on free ports, of the loopback interface unless other places are given, in a
/// temporary folder. All are killed when the value goes away.
package final class TestEtcd {
  package let folder: TemporaryDirectory
  package let clientPorts: [Int]
  private let peerPorts: [Int]
  private let token: String
  private let files: Files?
  private let places: Places?
  private var members: [TestProcess?]

  /// What members with TLS show and ask for. Clients must show a certificate of the same authority.
  package struct Files {
    let authority: String
    let server: TestAuthority.Issued

    package init(authority: TestAuthority, server: TestAuthority.Issued) {
      self.authority = authority.certificate
      self.server = server
    }
  }

  /// Where members run, if not beside the test.
  package struct Places {
    let hosts: [String]
    let start: (Int?, String, [String], [String: String]) throws -> TestProcess

    /// - Parameters:
    ///   - hosts: the address of each member.
    ///   - start: starts a program with arguments and environment in the place of a member, or, without one, where
    ///     all are reached.
    package init(
      hosts: [String],
      start: @escaping (Int?, String, [String], [String: String]) throws -> TestProcess
    ) {
      self.hosts = hosts
      self.start = start
    }
  }

  /// Starts the members and waits until each answers.
  package init(
    members count: Int = 1, tls files: Files? = nil, places: Places? = nil
  ) async throws {
    self.files = files
    self.places = places
    folder = try TemporaryDirectory()
    clientPorts = try (0..<count).map { _ in try freePort() }
    peerPorts = try (0..<count).map { _ in try freePort() }
    members = Array(repeating: nil, count: count)
    token = "test-\(clientPorts[0])"
    for index in 0..<count { try start(index) }
    for index in 0..<count { try await waitUntilHealthy(index) }
  }

  /// For `--etcd`.
  package var endpoints: String { endpoints(0..<clientPorts.count) }

  /// Those of some members.
  package func endpoints(_ indices: some Sequence<Int>) -> String {
    indices.map(address).joined(separator: ",")
  }

  private func address(_ index: Int) -> String {
    "\(files == nil ? "http" : "https")://\(host(index)):\(clientPorts[index])"
  }

  private func host(_ index: Int) -> String { places?.hosts[index] ?? "127.0.0.1" }

  private func launch(
    at member: Int?, _ program: String, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> TestProcess {
    try places?.start(member, program, arguments, environment)
      ?? TestProcess(program, arguments, environment: environment)
  }

  /// Starts a member that is not running, with the data it had.
  package func start(_ index: Int) throws {
    let client = address(index)
    let protection =
      files.map {
        [
          "--cert-file", $0.server.certificate, "--key-file", $0.server.key, "--trusted-ca-file",
          $0.authority, "--client-cert-auth",
        ]
      } ?? []
    let peer = "http://\(host(index)):\(peerPorts[index])"
    let cluster = peerPorts.enumerated().map {
      "m\($0.offset)=http://\(host($0.offset)):\($0.element)"
    }
    members[index] = try launch(
      at: index, etcdProgram ?? "etcd",
      [
        "--name", "m\(index)", "--data-dir", "\(folder.path)/m\(index)",
        "--listen-client-urls", client, "--advertise-client-urls", client,
        "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
        "--initial-cluster", cluster.joined(separator: ","), "--initial-cluster-token", token,
        "--initial-cluster-state", "new", "--pre-vote", "--logger", "zap", "--log-level", "warn",
      ] + protection)
  }

  /// Waits until a member answers, and with it a majority.
  package func waitUntilHealthy(_ index: Int) async throws {
    try await eventually("etcd member \(index) is healthy", within: .seconds(30)) {
      if let exit = members[index]?.exitIfEnded() {
        throw DeadlinePassed(
          what: "etcd ended with \(exit): \(members[index]?.output(.standardError) ?? "")")
      }
      return try await control(["endpoint", "health"], member: index) != nil
    }
  }

  /// Kills a member, as by `kill -9`.
  package func kill(_ index: Int) async throws {
    members[index]?.signal(SIGKILL)
    try await members[index]?.waitForExit()
    members[index] = nil
  }

  /// Stops a member without its noticing.
  package func pause(_ index: Int) { members[index]?.signal(SIGSTOP) }

  package func resume(_ index: Int) { members[index]?.signal(SIGCONT) }

  /// Runs `etcdctl` on one member; `nil` if it failed.
  @discardableResult
  package func control(_ arguments: [String], member: Int = 0) async throws -> String? {
    let protection =
      files.map {
        ["--cacert", $0.authority, "--cert", $0.server.certificate, "--key", $0.server.key]
      } ?? []
    let process = try launch(
      at: nil, etcdctlProgram ?? "etcdctl",
      ["--endpoints", address(member), "--command-timeout", "3s"] + protection + arguments,
      environment: ["ETCDCTL_API": "3"])
    let exit = try await process.waitForExit()
    return exit == .code(0) ? process.output(.standardOutput) : nil
  }
}

/// The first program of this name in the folders of `PATH`.
private func programOnPath(_ name: String) -> String? {
  let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin"
  return path.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
}
