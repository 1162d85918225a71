package import GRPCTransport
package import NIOCore

/// Where an etcd cluster is, and how to speak with it.
package struct EtcdConfiguration: Sendable {
  /// One member's address for clients.
  package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    package var address: GRPCAddress
    package var isEncrypted: Bool

    /// Reads `http://HOST:PORT`, `https://HOST:PORT` and `HOST:PORT`, which is plain text; `nil` for anything else.
    package init?(_ text: String) {
      var rest = text[...]
      isEncrypted = text.hasPrefix("https://")
      for scheme in ["http://", "https://"] where rest.hasPrefix(scheme) {
        rest = rest.dropFirst(scheme.count)
      }
      if rest.hasSuffix("/") { rest = rest.dropLast() }
      guard let address = GRPCAddress(String(rest)), case .tcp = address else { return nil }
      self.address = address
    }

    package var description: String { (isEncrypted ? "https://" : "http://") + "\(address)" }
  }

  /// The members, at least one; the next is tried when one does not answer.
  package var endpoints: [Endpoint]
  /// For endpoints with `https://`.
  package var tls: GRPCClientTLS?
  /// A user of etcd and the password; `nil` where etcd asks for none.
  package var credentials: (name: String, password: String)?
  /// How long one member may take for one answer before the next one is tried. Default 1 s. Longer spares a busy
  /// etcd repeated requests, shorter finds a member that hangs sooner.
  package var attemptTimeout = TimeAmount.seconds(1)
  /// The pause before the next attempt once all members have failed. Default 100 ms.
  package var retryDelay = TimeAmount.milliseconds(100)

  package init(endpoints: [Endpoint]) { self.endpoints = endpoints }
}

/// Why etcd did not do what it was asked for.
package struct EtcdError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Kind: Hashable, Sendable {
    /// No member answered in time. Whether the request was carried out is not known.
    case unavailable
    /// What was asked for is not there, such as a lease that has ended.
    case notFound
    /// The revision that was asked for has been compacted away.
    case compacted
    /// The request is longer than etcd takes.
    case tooLarge
    /// etcd refuses for a reason that may pass, such as a full database.
    case exhausted
    /// etcd refuses for good: name, password or permission.
    case denied
    /// Anything else.
    case failed
  }

  package let kind: Kind
  /// For people; in etcd's words where it gave any.
  package let message: String

  package init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  package var description: String { message }

  /// Sorts the statuses of etcd's calls. It has one code for several things, so its text decides between them.
  init(_ status: GRPCStatus) {
    let kind: Kind =
      switch status.code {
      case .unavailable, .deadlineExceeded, .cancelled: .unavailable
      // A member that waits for its majority in vain says so without a code of its own.
      case .unknown where status.message.hasPrefix("context "): .unavailable
      case .notFound: .notFound
      case .outOfRange: .compacted
      case .invalidArgument where status.message.contains("request is too large"): .tooLarge
      case .resourceExhausted where status.message.contains("larger than max"): .tooLarge
      case .resourceExhausted: .exhausted
      case .unauthenticated, .permissionDenied: .denied
      case .invalidArgument where status.message.contains("authentication failed"): .denied
      default: .failed
      }
    self.init(kind, "\(status)")
  }
}
