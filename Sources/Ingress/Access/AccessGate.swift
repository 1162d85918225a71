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
  /// Probes ask for health without credentials.
  private static let openPrefix = "/grpc.health.v1.Health/"

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
    if call.path.hasPrefix(Self.openPrefix), ingress.route(call.path) == nil {
      return ingress.handler(for: call, rights: .none)
    }
    switch admission(call.peer, { call.metadata }) {
    case .admitted(let rights):
      return ingress.handler(for: call, rights: rights)
    case .refused:
      return AccessRefusal.refuse(call, AccessRefusal.unauthenticated)
    case .unverified(let token, let authenticator):
      let pending = PendingCallHandler(call: call) { [ingress] rights in
        ingress.handler(for: call, rights: rights)
      }
      let bound = NIOLoopBound(pending, eventLoop: call.eventLoop)
      authenticator.verify(token, on: call.eventLoop) { bound.value.verified($0) }
      return pending
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
      authenticator.verify(token, on: exchange.eventLoop) { bound.value.verified($0) }
      return pending
    }
  }

  private func admission(_ peer: ConnectionPeer, _ headers: () -> GRPCMetadata) -> Admission {
    guard let authenticator else { return .admitted(.uncontrolled(isLocal: peer.isLocal)) }
    let credentials = Credentials(
      authorization: headers().headers[HeaderName.authorization],
      certificateName: peer.certificate?.name)
    switch authenticator.authenticate(credentials) {
    case .admitted(let rights): return .admitted(rights)
    case .refused: return .refused
    case .unverified(let token): return .unverified(token, authenticator)
    }
  }
}

extension PeerCertificate {
  /// The common name, else the first alternative name.
  fileprivate var name: String? {
    [commonName, alternativeNames.first].compactMap(\.self).first { !$0.isEmpty }
  }
}

extension Authenticator.Verification {
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
