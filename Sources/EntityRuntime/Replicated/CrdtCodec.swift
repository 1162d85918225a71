package import CloudstateModel
import CloudstateProtocol
import FoundationEssentials
package import NIOCore
package import ReplicatedData
import SwiftProtobuf

/// Between our words and the messages of `cloudstate.crdt.Crdt`, in the dialect that the entity's function speaks
/// (protocol sections 5 and 9.4).
package struct CrdtCodec: Hashable, Sendable {
  package static let handlePath = "/cloudstate.crdt.Crdt/handle"

  private typealias StreamIn = Cloudstate_Crdt_CrdtStreamIn
  private typealias LegacyIn = Cloudstate_Internal_Legacycrdt_LegacyStreamIn

  let dialect: CrdtDialect

  package init(_ dialect: CrdtDialect) { self.dialect = dialect }

  // MARK: To the function

  package func initial(
    serviceName: String, entityID: String, value: FunctionDelta?
  ) -> ByteBuffer {
    switch dialect {
    case .current:
      var out = StreamIn()
      out.init_p.serviceName = serviceName
      out.init_p.entityID = entityID
      if let value { out.init_p.delta = CrdtDeltaCodec.message(value) }
      return out.encoded
    case .legacy:
      var out = LegacyIn()
      out.init_p.serviceName = serviceName
      out.init_p.entityID = entityID
      if let value { out.init_p.state = LegacyCrdtDeltaCodec.state(value) }
      return out.encoded
    }
  }

  /// - Parameter isFirst: whether the function knew of no value before.
  package func change(_ delta: FunctionDelta, isFirst: Bool) -> ByteBuffer {
    switch dialect {
    case .current:
      var out = StreamIn()
      out.delta = CrdtDeltaCodec.message(delta)
      return out.encoded
    case .legacy:
      var out = LegacyIn()
      if isFirst {
        out.state = LegacyCrdtDeltaCodec.state(delta)
      } else {
        out.changed = LegacyCrdtDeltaCodec.message(delta)
      }
      return out.encoded
    }
  }

  package func deletion() -> ByteBuffer {
    switch dialect {
    case .current:
      var out = StreamIn()
      out.delete = .init()
      return out.encoded
    case .legacy:
      var out = LegacyIn()
      out.deleted = .init()
      return out.encoded
    }
  }

  package func command(
    id: Int64, _ command: EntityCommand, isStreamed: Bool, passesMetadata: Bool
  ) -> ByteBuffer {
    var message = Cloudstate_Command()
    message.entityID = command.entity.entityID
    message.id = id
    message.name = command.method
    message.payload.typeURL = command.payloadTypeURL
    message.payload.value = Data(command.payload)
    message.streamed = isStreamed
    if passesMetadata, !command.metadata.isEmpty {
      message.metadata.entries = command.metadata.map(MetadataCodec.entry)
    }
    switch dialect {
    case .current:
      var out = StreamIn()
      out.command = message
      return out.encoded
    case .legacy:
      var out = LegacyIn()
      out.command = message
      return out.encoded
    }
  }

  package func cancellation(id: Int64, entityID: String) -> ByteBuffer {
    var message = Cloudstate_StreamCancelled()
    message.entityID = entityID
    message.id = id
    switch dialect {
    case .current:
      var out = StreamIn()
      out.streamCancelled = message
      return out.encoded
    case .legacy:
      var out = LegacyIn()
      out.streamCancelled = message
      return out.encoded
    }
  }

  // MARK: From the function

  /// - Throws: a decoding error if the bytes are not a message of such a stream.
  package func decode(_ buffer: ByteBuffer) throws -> ReplicatedMessage {
    switch dialect {
    case .current:
      switch try Cloudstate_Crdt_CrdtStreamOut(decoding: buffer).message {
      case .reply(let reply): .reply(Self.reply(reply))
      case .streamedMessage(let message): .streamed(Self.streamed(message))
      case .streamCancelledResponse(let answer): .cancellationAnswered(Self.answer(answer))
      case .failure(let failure): Self.failure(failure)
      case nil: .empty
      }
    case .legacy:
      switch try Cloudstate_Internal_Legacycrdt_LegacyStreamOut(decoding: buffer).message {
      case .reply(let reply): .reply(Self.reply(reply))
      case .streamedMessage(let message): .streamed(Self.streamed(message))
      case .streamCancelledResponse(let answer): .cancellationAnswered(Self.answer(answer))
      case .failure(let failure): Self.failure(failure)
      case nil: .empty
      }
    }
  }

  private static func reply(_ reply: some CrdtReplyMessage) -> ReplicatedReply {
    ReplicatedReply(
      commandID: reply.commandID, action: action(reply.hasClientAction, reply.clientAction),
      sideEffects: reply.sideEffects.map(FunctionCallCodec.effect),
      change: reply.hasStateAction ? reply.stateAction.requestedChange : nil,
      isStreamed: reply.streamed)
  }

  private static func answer(_ answer: some CrdtCancellationMessage) -> CancellationAnswer {
    CancellationAnswer(
      commandID: answer.commandID, sideEffects: answer.sideEffects.map(FunctionCallCodec.effect),
      change: answer.hasStateAction ? answer.stateAction.requestedChange : nil)
  }

  private static func streamed(
    _ message: Cloudstate_Crdt_CrdtStreamedMessage
  ) -> StreamedMessage {
    StreamedMessage(
      commandID: message.commandID, action: action(message.hasClientAction, message.clientAction),
      sideEffects: message.sideEffects.map(FunctionCallCodec.effect), endsStream: message.endStream)
  }

  private static func failure(_ failure: Cloudstate_Failure) -> ReplicatedMessage {
    .failure(commandID: failure.commandID, description: failure.description_p)
  }

  private static func action(
    _ isSet: Bool, _ action: Cloudstate_ClientAction
  ) -> FunctionAction? {
    isSet ? FunctionCallCodec.action(action) : nil
  }
}

/// What replies of both dialects have in common.
private protocol CrdtReplyMessage {
  associatedtype StateAction: CrdtStateActionMessage
  var commandID: Int64 { get }
  var hasClientAction: Bool { get }
  var clientAction: Cloudstate_ClientAction { get }
  var sideEffects: [Cloudstate_SideEffect] { get }
  var hasStateAction: Bool { get }
  var stateAction: StateAction { get }
  var streamed: Bool { get }
}

extension Cloudstate_Crdt_CrdtReply: CrdtReplyMessage {}
extension Cloudstate_Internal_Legacycrdt_LegacyReply: CrdtReplyMessage {}

private protocol CrdtCancellationMessage {
  associatedtype StateAction: CrdtStateActionMessage
  var commandID: Int64 { get }
  var sideEffects: [Cloudstate_SideEffect] { get }
  var hasStateAction: Bool { get }
  var stateAction: StateAction { get }
}

extension Cloudstate_Crdt_CrdtStreamCancelledResponse: CrdtCancellationMessage {}
extension Cloudstate_Internal_Legacycrdt_LegacyStreamCancelledResponse: CrdtCancellationMessage {}

private protocol CrdtStateActionMessage {
  var requestedChange: RequestedChange { get }
}

extension Cloudstate_Crdt_CrdtStateAction: CrdtStateActionMessage {
  fileprivate var requestedChange: RequestedChange {
    let change: RequestedChange.Change =
      switch action {
      case .update(let delta): CrdtDeltaCodec.delta(delta).map { .update($0) } ?? .unreadable
      case .delete: .delete
      case nil: .unreadable
      }
    return RequestedChange(change, consistency: WriteConsistency(writeConsistency))
  }
}

extension Cloudstate_Internal_Legacycrdt_LegacyStateAction: CrdtStateActionMessage {
  fileprivate var requestedChange: RequestedChange {
    let change: RequestedChange.Change =
      switch action {
      case .create(let state):
        LegacyCrdtDeltaCodec.delta(creating: state).map { .update($0) } ?? .unreadable
      case .update(let delta): LegacyCrdtDeltaCodec.delta(delta).map { .update($0) } ?? .unreadable
      case .delete: .delete
      case nil: .unreadable
      }
    return RequestedChange(change, consistency: WriteConsistency(writeConsistency))
  }
}

extension WriteConsistency {
  fileprivate init(_ consistency: Cloudstate_Crdt_CrdtWriteConsistency) {
    self =
      switch consistency {
      case .majority: .majority
      case .all: .all
      case .local, .UNRECOGNIZED: .local
      }
  }
}
