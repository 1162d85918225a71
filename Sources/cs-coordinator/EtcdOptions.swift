import ArgumentParser
import CloudstateModel
import ClusterControl
import CommandLineKit
import EtcdClient
import GRPCTransport

/// What a coordinator is told that shares an etcd with others.
struct EtcdOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Members of the etcd that keeps the plan, in the place of --data; for several coordinators.",
      valueName: "endpoint,..."))
  var etcd: String?
  @Option(help: "Before all keys of this cluster in etcd.") var etcdPrefix = "/cloudstate/"
  @Option(help: "Time after which another coordinator may take over from a silent one.")
  var etcdLease: Duration = .seconds(5)
  @Option(help: "What logs and etcd call this coordinator; default: its bus endpoint.")
  var name: String?
  @Option(
    help: ArgumentHelp(
      "Bus endpoint under which nodes reach this coordinator; default: where it listens.",
      valueName: "endpoint"))
  var advertise: String?
  @Option(
    help: ArgumentHelp(
      "Authorities of etcd's certificates, PEM; default: the system's.", valueName: "file"))
  var etcdCa: String?
  @Option(help: ArgumentHelp("Certificate to show to etcd, PEM.", valueName: "file"))
  var etcdCert: String?
  @Option(help: ArgumentHelp("Its private key, PEM.", valueName: "file")) var etcdKey: String?
  @Option(help: "User of etcd, where it asks for one.") var etcdUser: String?
  @Option(help: ArgumentHelp("File with the user's password.", valueName: "file"))
  var etcdPasswordFile: String?

  /// Long names of these options, for `--config` files.
  static let names = [
    "etcd", "etcd-prefix", "etcd-lease", "name", "advertise", "etcd-ca", "etcd-cert", "etcd-key",
    "etcd-user", "etcd-password-file",
  ]

  func validate() throws {
    guard etcd == nil else { return }
    let needing = [
      ("--name", name), ("--advertise", advertise), ("--etcd-ca", etcdCa),
      ("--etcd-cert", etcdCert), ("--etcd-key", etcdKey), ("--etcd-user", etcdUser),
      ("--etcd-password-file", etcdPasswordFile),
    ]
    for (option, value) in needing where value != nil {
      throw ValidationError("\(option) needs --etcd: it says something about several coordinators")
    }
  }

  /// What `--etcd` asks for; `nil` without it.
  ///
  /// - Throws: ``ProgramError`` with status `usage` that quotes what is wrong.
  func configuration() throws(ProgramError) -> EtcdConfiguration? {
    guard let etcd else { return nil }
    var endpoints: [EtcdConfiguration.Endpoint] = []
    for text in etcd.split(separator: ",", omittingEmptySubsequences: false) {
      guard let endpoint = EtcdConfiguration.Endpoint(String(text)) else {
        throw wrong("--etcd: '\(text)' is no endpoint, such as http://10.0.0.1:2379")
      }
      endpoints.append(endpoint)
    }
    var configuration = EtcdConfiguration(endpoints: endpoints)
    if endpoints.contains(where: \.isEncrypted) {
      do throws(TLSProblem) {
        configuration.tls = try GRPCClientTLS(
          authorityFile: etcdCa, certificateFile: etcdCert, keyFile: etcdKey)
      } catch {
        throw wrong("--etcd: \(error)")
      }
    } else if etcdCa != nil || etcdCert != nil || etcdKey != nil {
      throw wrong("--etcd-ca, --etcd-cert and --etcd-key need endpoints with https://")
    }
    configuration.credentials = try credentials()
    return configuration
  }

  /// What nodes, and operators, are told.
  ///
  /// - Parameters:
  ///   - bound: where the bus listens.
  ///   - admin: where operators reach this coordinator, if they do.
  func card(bound: String, admin: String?) throws(ProgramError) -> LeaderCard {
    let endpoint = advertise ?? bound
    for (option, text) in [("--name", name ?? endpoint), ("--advertise", endpoint)]
    where text.isEmpty || text.utf8.count > 256 || text.contains(where: \.isWhitespace) {
      throw wrong("\(option) '\(text)' must be 1 to 256 bytes without spaces")
    }
    try checkReach(of: endpoint)
    return LeaderCard(name: name ?? endpoint, endpoint: endpoint, admin: admin)
  }

  /// An endpoint that means another machine for each who reads it would be shared by several coordinators, which take
  /// each other's leadership for what is left of their own.
  private func checkReach(of endpoint: String) throws(ProgramError) {
    let host = HostText.host(of: endpoint)
    if host == "*" || HostText.isUnspecified(host) {
      throw wrong(
        "nodes cannot connect to \(endpoint); name the endpoint at which they reach this coordinator, such as "
          + "--advertise tcp://10.0.0.1:5100")
    }
    let members = etcd?.split(separator: ",").map(HostText.host) ?? []
    if HostText.isLoopback(host), !members.allSatisfy(HostText.isLoopback) {
      throw wrong(
        "the etcd is for several machines, and nodes on the others cannot reach \(endpoint); let --bus listen where "
          + "they can, or name that with --advertise")
    }
  }

  private func credentials() throws(ProgramError) -> (name: String, password: String)? {
    switch (etcdUser, etcdPasswordFile) {
    case (nil, nil): return nil
    case (let user?, let file?):
      let password = try readFile(file, status: .usage)
      return (user, String(password.prefix { !$0.isNewline }))
    default: throw wrong("--etcd-user and --etcd-password-file go together: one is missing")
    }
  }

  private func wrong(_ message: String) -> ProgramError {
    ProgramError(message, hint: "cs-coordinator --help", status: .usage)
  }
}
