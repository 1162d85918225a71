package import AccessControl
import CloudstateModel
package import GRPCTransport
import NIOCore
import NIOHPACK

/// The way to everything on the public port: finds out who makes a call, then passes it on with his rights.
/// What somebody may do is checked where it is known what he wants. Shared by all connections.
///
/// Whatever serves calls of clients belongs behind it; the ``Ingress`` itself lets everybody do everything,
/// as calls from inside the process may.
package final class AccessGate: GRPCServerRouter {
  private enum Admission {
    case admitted(AccessRights)
    case refused
    case unverified(Authenticator.UnverifiedToken, Authenticator)
  }

  let ingress: Ingress
  private let authenticator: Authenticator?

  /// - Parameter authenticator: `nil` where no access is controlled.
  package init(ingress: Ingress, authenticator: Authenticator?) {
    self.ingress = ingress
    self.authenticator = authenticator
  }

  package func handler(for call: any GRPCServerCall) -> (any GRPCServerCallHandler)? {
    // Probes ask for the node's health without credentials.
    let isOpen = HealthService.isOpen(call.path) && ingress.route(call.path) == nil
    switch admission(call.peer, { call.metadata }) {
    case .admitted(let rights):
      return handler(for: call, rights: rights)
    case .refused where isOpen:
      return ingress.handler(for: call, rights: .none)
    case .refused:
      return AccessRefusal.refuse(call, AccessRefusal.unauthenticated)
    case .unverified(let token, let authenticator):
      let pending = PendingCallHandler(call: call, otherwise: isOpen ? AccessRights.none : nil) {
        self.handler(for: call, rights: $0)
      }
      let bound = NIOLoopBound(pending, eventLoop: call.eventLoop)
      authenticator.verify(token, on: call.eventLoop, connection: call.peer.connection) {
        bound.value.verified($0)
      }
      return pending
    }
  }

  /// Who serves a call of somebody with these rights, for as long as they last.
  func handler(
    for call: any GRPCServerCall, rights: AccessRights
  ) -> (any GRPCServerCallHandler)? {
    // What health tells for nothing needs no watch.
    guard let authenticator, !HealthService.isOpen(call.path) else {
      return ingress.handler(for: call, rights: rights)
    }
    return GuardedCall(call, rights: rights, authenticator: authenticator).start {
      ingress.handler(for: $0, rights: rights)
    }
  }

  /// Serves a plain HTTP request once it is known who makes it; refuses it if that is nobody.
  ///
  /// - Parameters:
  ///   - serve: answers the request; called at once, later, or not at all.
  /// - Returns: as ``HTTPServerRouter/handle(_:on:)``.
  package func handle(
    _ request: HTTPServerRequest, on exchange: any HTTPServerExchange,
    serve: @escaping (AccessRights) -> (any HTTPServerExchangeHandler)?
  ) -> (any HTTPServerExchangeHandler)? {
    switch admission(exchange.peer, { request.headers }) {
    case .admitted(let rights):
      return serve(rights)
    case .refused:
      PendingExchange.refuse(exchange, AccessRefusal.unauthenticated, request)
      return nil
    case .unverified(let token, let authenticator):
      let pending = PendingExchange(exchange, request: request, serve: serve)
      let bound = NIOLoopBound(pending, eventLoop: exchange.eventLoop)
      authenticator.verify(
        token, on: exchange.eventLoop, connection: exchange.peer.connection
      ) { bound.value.verified($0) }
      return pending
    }
  }

  private func admission(_ peer: ConnectionPeer, _ headers: () -> GRPCMetadata) -> Admission {
    guard let authenticator else { return .admitted(.uncontrolled(isLocal: peer.isLocal)) }
    switch authenticator.authenticate(Credentials(headers(), peer)) {
    case .admitted(let rights): return .admitted(rights)
    case .refused: return .refused
    case .unverified(let token): return .unverified(token, authenticator)
    }
  }
}

extension Credentials {
  /// What a request shows, in its headers and by its connection.
  init(_ headers: GRPCMetadata, _ peer: ConnectionPeer) {
    self.init(
      authorization: headers.headers[HeaderName.authorization],
      certificateName: peer.certificate?.name)
  }
}

extension PeerCertificate {
  /// The first alternative name, else the common name: whoever has alternative names is known by them alone
  /// (RFC 6125, 6.4.4), and authorities check them, which they may not do with a common name.
  fileprivate var name: String? {
    guard let name = alternativeNames.first else {
      return commonName.flatMap { $0.isEmpty ? nil : $0 }
    }
    return name.isEmpty ? nil : name
  }
}

extension Authenticator.Verification {
  /// What the caller may do, if the token is right.
  var rights: AccessRights? {
    if case .admitted(let rights) = self { rights } else { nil }
  }

  /// Why a call cannot go on; `nil` if it can.
  var refusal: CommandError? {
    switch self {
    case .admitted: nil
    case .refused: AccessRefusal.unauthenticated
    case .overloaded: AccessRefusal.overloaded
    case .stopping: AccessRefusal.stopping
    }
  }
}
