import CloudstateModel
import GRPCTransport
import NIOCore

/// The replies of one client call, in order. The metadata of the first become response headers; those of
/// later ones have no place in gRPC (proxy behaviour, section 4.4).
struct ClientReplies {
  private let call: any GRPCServerCall
  private let route: IngressRoute
  private let ingress: Ingress
  private var hasBegun = false

  init(call: any GRPCServerCall, route: IngressRoute, ingress: Ingress) {
    self.call = call
    self.route = route
    self.ingress = ingress
  }

  mutating func send(_ payload: ReplyPayload) {
    ingress.check(payload, against: route)
    if !hasBegun, !payload.metadata.isEmpty {
      call.sendHeaders(MetadataHeaders.headers(payload.metadata))
    }
    hasBegun = true
    call.send(ByteBuffer(bytes: payload.value))
  }
}
