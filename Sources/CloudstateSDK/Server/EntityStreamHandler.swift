import CloudstateProtocol
import GRPCTransport
import Logging
import NIOCore
import SwiftProtobuf

/// One `EventSourced.handle` call: bytes in, decisions by ``EntityConversation``, bytes out. Lives on
/// the event loop of its call; user code runs right there, because a hop to a task would cost more
/// than a typical command.
final class EntityStreamHandler: GRPCServerCallHandler {
  /// `nil` once the call is over, so that handler and call do not keep each other alive.
  private var call: (any GRPCServerCall)?
  private var conversation: EntityConversation
  private let logger: Logger

  /// - Parameter conversation: a fresh one.
  init(call: any GRPCServerCall, conversation: EntityConversation, logger: Logger) {
    self.call = call
    self.conversation = conversation
    self.logger = logger
  }

  func receive(_ message: ByteBuffer) {
    guard call != nil else { return }
    let next: EntityConversation.OnMessage
    do {
      next = conversation.receive(
        try Cloudstate_Eventsourced_EventSourcedStreamIn(decoding: message))
    } catch {
      next = conversation.receiveUnreadable(error)
    }
    var output = Cloudstate_Eventsourced_EventSourcedStreamOut()
    switch next {
    case .wait:
      break
    case .reply(let reply):
      output.reply = reply
      send(output)
    case .fail(let failure):
      logger.error("entity '\(conversation.entityID)' broke: \(failure.description_p)")
      output.failure = failure
      send(output)
      finish(.ok)
    }
  }

  /// The sidecar passivates the entity; every command before was already answered.
  func receiveEnd() { finish(.ok) }

  func writabilityChanged(_ isWritable: Bool) {
    if isWritable { call?.setReading(true) }
  }

  func cancelled(_ status: GRPCStatus) { call = nil }

  private func send(_ output: Cloudstate_Eventsourced_EventSourcedStreamOut) {
    call?.send(output.encoded)
    // A sidecar waits for each reply; one that does not, and does not read either, must not make
    // replies pile up here.
    if call?.isWritable == false { call?.setReading(false) }
  }

  private func finish(_ status: GRPCStatus) {
    call?.finish(status)
    call = nil
  }
}
