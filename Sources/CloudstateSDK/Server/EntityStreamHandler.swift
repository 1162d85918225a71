import CloudstateProtocol
import GRPCTransport
import Logging
import NIOCore
import SwiftProtobuf

/// One `handle` call of an entity: bytes in, decisions by a ``StreamConversation``, bytes out. Lives on
/// the event loop of its call; user code runs right there, because a hop to a task would cost more
/// than a typical command.
final class EntityStreamHandler<Conversation: StreamConversation>: GRPCServerCallHandler {
  /// `nil` once the call is over, so that handler and call do not keep each other alive.
  private var call: (any GRPCServerCall)?
  private var conversation: Conversation
  private let logger: Logger

  /// - Parameter conversation: a fresh one.
  init(call: any GRPCServerCall, conversation: Conversation, logger: Logger) {
    self.call = call
    self.conversation = conversation
    self.logger = logger
  }

  func receive(_ message: ByteBuffer) {
    guard call != nil else { return }
    let next: OnStreamMessage<Conversation.Reply>
    do {
      next = conversation.receive(try Conversation.Input(decoding: message))
    } catch {
      next = conversation.receiveUnreadable(error)
    }
    switch next {
    case .wait:
      break
    case .reply(let reply):
      send(Conversation.output(reply))
    case .replies(let replies):
      for reply in replies { send(Conversation.output(reply)) }
    case .fail(let failure):
      logger.error("entity '\(conversation.entityID)' broke: \(failure.description_p)")
      send(Conversation.output(failure))
      finish(.ok)
    }
  }

  /// The sidecar passivates the entity; every command before was already answered.
  func receiveEnd() { finish(.ok) }

  func writabilityChanged(_ isWritable: Bool) {
    if isWritable { call?.setReading(true) }
  }

  func cancelled(_ status: GRPCStatus) { call = nil }

  private func send(_ output: Conversation.Output) {
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
