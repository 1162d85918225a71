import Glibc

extension CloudstateServer {
  /// Where and how a server listens.
  public struct Configuration: Sendable {
    /// The place where the sidecar connects.
    public enum Address: Sendable, Hashable, CustomStringConvertible {
      /// A TCP port; 0 lets the system choose one.
      case tcp(host: String, port: Int)
      /// A Unix domain socket at this path.
      case unix(path: String)

      /// `host:port` or `unix:path`.
      public var description: String {
        switch self {
        case .tcp(let host, let port): "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
      }
    }

    /// Default 127.0.0.1:8080.
    public var address = Address.tcp(host: "127.0.0.1", port: 8080)

    /// The number of threads. Default 1, which suits the cores left over by a sidecar; an entity
    /// stays on the loop of the connection that its stream came with.
    public var eventLoops = 1

    /// What discovery says of the service; informal. Default empty.
    public var serviceName = ""

    /// What discovery says of the service; informal. Default empty.
    public var serviceVersion = ""

    /// How long a stop waits for open streams before it breaks them. Default 5 seconds.
    public var drainTimeout = Duration.seconds(5)

    /// The defaults.
    public init() {}

    /// The defaults, changed by the variables that every Cloudstate library knows: `HOST`, `PORT`;
    /// and by `CLOUDSTATE_SOCKET`, the path of a Unix domain socket, with or without `unix:` before
    /// it, which takes precedence. An unusable value throws a ``ConfigurationError`` that names it.
    public init(environment: (String) -> String?) throws(ConfigurationError) {
      if let socket = environment("CLOUDSTATE_SOCKET"), !socket.isEmpty {
        address = .unix(path: socket.hasPrefix("unix:") ? String(socket.dropFirst(5)) : socket)
        return
      }
      var port = 8080
      if let text = environment("PORT"), !text.isEmpty {
        guard let number = Int(text), (0...65535).contains(number) else {
          throw ConfigurationError(problems: [
            "PORT is '\(text)', but must be a number up to 65535."
          ])
        }
        port = number
      }
      let host = environment("HOST") ?? ""
      address = .tcp(host: host.isEmpty ? "127.0.0.1" : host, port: port)
    }

    /// ``init(environment:)`` with the environment of the process.
    public static func fromEnvironment() throws(ConfigurationError) -> Configuration {
      try Configuration { name in getenv(name).map { String(cString: $0) } }
    }
  }

  /// Why a server did not start: what the entities declare, or how it was configured.
  public struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One sentence each.
    public let problems: [String]

    /// All problems, a line each.
    public var description: String { problems.joined(separator: "\n") }
  }
}
