import AccessControl
import GRPCTransport
import NIOCore
import Testing

@testable import Ingress

/// Calls that go on after they waited for their token, and whose client is found gone by the first thing that
/// is written to it.
@Suite struct PendingTests {
  private final class Served: GRPCServerCallHandler, HTTPServerExchangeHandler {
    var messages = 0
    var statuses: [GRPCStatus] = []
    var cancellations = 0

    func receive(_ message: ByteBuffer) { messages += 1 }
    func receiveEnd() {}
    func writabilityChanged(_ isWritable: Bool) {}
    func cancelled(_ status: GRPCStatus) { statuses.append(status) }
    func cancelled() { cancellations += 1 }
  }

  private let verified = Authenticator.Verification.admitted(.uncontrolled(isLocal: false))

  @Test("Who serves a call that is over while it is opened is told so, once, and gets nothing")
  func call() {
    let served = Served()
    var transport: PendingCallHandler?
    let call = RecordedCall("/a.S/Get")
    let pending = PendingCallHandler(call: call) { _ in
      transport?.cancelled(GRPCStatus(.unavailable, "the connection was lost"))
      return served
    }
    transport = pending
    pending.receive(ByteBuffer(string: "m"))
    pending.receiveEnd()
    pending.verified(verified)
    #expect(served.statuses == [GRPCStatus(.unavailable, "the connection was lost")])
    #expect(served.messages == 0)
    #expect(!call.isReading)
    transport = nil
  }

  @Test("Who serves an exchange that is over while it is begun is told so, once")
  func exchange() {
    let served = Served()
    var transport: PendingExchange?
    let request = HTTPServerRequest(
      method: "GET", target: "/", headers: GRPCMetadata(), body: ByteBuffer())
    let pending = PendingExchange(RecordedExchange(), request: request) { _ in
      transport?.cancelled()
      return served
    }
    transport = pending
    pending.verified(verified)
    #expect(served.cancellations == 1)
    transport = nil
  }
}
