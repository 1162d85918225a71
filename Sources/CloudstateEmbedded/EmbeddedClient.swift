public import CloudstateSDK
import GRPCTransport
import Ingress
import NIOCore
public import SwiftProtobuf

/// Sends commands to the entities and actions of a service from inside a node of it.
///
/// A command goes the way of those that come over gRPC, but for the connection: to the node that owns the
/// entity, durable before it is answered, with idempotency keys, forwards, side effects and limits the same.
///
/// ```swift
/// let node = EmbeddedNode(descriptors: serviceDescriptors, entities: [Counter.self])
/// let counter: Example_Counter = try await node.client.send(
///   to: "example.Counter/Total", Example_Amount.with { $0.counter = "visits" })
/// ```
///
/// Every member may be used from any thread and task. Calls that are made before the node serves wait for
/// it, up to their timeout; calls that are made after it has stopped fail with the code `stopping`. At most
/// ``maximumCalls`` calls are open at once, the next fails with the code `overloaded`.
public struct EmbeddedClient: Sendable {
  let access: LocalAccess

  /// A client for the node it will be given to. A node makes its own otherwise; this is for actions that are
  /// to call entities, since they are made before the node.
  public init() { access = LocalAccess() }

  /// How many calls of a client may be open at once.
  public static let maximumCalls = LocalCalls.maximumOpen

  /// Sends a command and returns its reply.
  ///
  /// When the task is cancelled the call ends, with the code CANCELLED; a command that was sent already is
  /// carried out all the same.
  ///
  /// - Parameters:
  ///   - method: a method with one request and one reply, of a service of this node.
  ///   - request: the message of the command; for an entity with its key.
  ///   - returning: the message of the reply.
  ///   - metadata: what goes as headers over gRPC. Actions see it; entities with `--pass-metadata`.
  ///   - idempotencyKey: commands with the same key to the same entity are carried out once and all get the
  ///     answer of the first. 1 to 256 bytes.
  ///   - timeout: how long to wait for the reply; `nil` for as long as the node lets commands take.
  /// - Throws: ``CallError`` for every end but a reply.
  @discardableResult
  public func send<Request: Message, Reply: Message>(
    to method: ServiceMethod, _ request: Request, returning: Reply.Type = Reply.self,
    metadata: Metadata = Metadata(), idempotencyKey: String? = nil, timeout: Duration? = nil
  ) async throws(CallError) -> Reply {
    try await answer(
      of: method, request, returning: returning, metadata: metadata,
      idempotencyKey: idempotencyKey, timeout: timeout
    ).message
  }

  /// As ``send(to:_:returning:metadata:idempotencyKey:timeout:)``, with what the entity or action has sent
  /// beside its reply.
  public func answer<Request: Message, Reply: Message>(
    of method: ServiceMethod, _ request: Request, returning: Reply.Type = Reply.self,
    metadata: Metadata = Metadata(), idempotencyKey: String? = nil, timeout: Duration? = nil
  ) async throws(CallError) -> CallAnswer<Reply> {
    do throws(CallFailure) {
      let local = try LocalRequest(
        method, request, metadata: metadata, idempotencyKey: idempotencyKey,
        deadline: GRPCAsyncClient.deadline(timeout))
      let calls = try await access.calls(within: timeout).get()
      let reply = try await calls.unary(local).get()
      return CallAnswer(
        message: try Reply(reply: reply.message), metadata: Metadata(reply.metadata))
    } catch {
      throw CallError(error)
    }
  }

  /// Sends a command whose replies are a stream.
  ///
  /// The call begins when the first reply is asked for. It ends early when the iterating task is cancelled,
  /// or when the loop over it is left. The sender is held back while replies are not taken.
  ///
  /// - Parameters:
  ///   - method: a method with one request, of a service of this node.
  ///   - request: the message of the command; for an entity with its key.
  ///   - returning: the message of the replies.
  ///   - metadata: what goes as headers over gRPC. Actions see it.
  ///   - timeout: how long the whole call may take; `nil` for no limit.
  public func stream<Request: Message, Reply: Message>(
    from method: ServiceMethod, _ request: Request, returning: Reply.Type = Reply.self,
    metadata: Metadata = Metadata(), timeout: Duration? = nil
  ) -> CallReplies<Reply> {
    CallReplies(access: access, timeout: timeout) { (deadline) throws(CallFailure) in
      try LocalRequest(
        method, request, metadata: metadata, idempotencyKey: nil, deadline: deadline)
    }
  }
}

/// A reply and what was sent beside it.
public struct CallAnswer<Reply: Message>: Sendable {
  /// The reply.
  public let message: Reply
  /// The headers of the reply. What no header can carry is not here either.
  public let metadata: Metadata
}

extension LocalRequest {
  init(
    _ method: ServiceMethod, _ request: some Message, metadata: Metadata, idempotencyKey: String?,
    deadline: NIODeadline?
  ) throws(CallFailure) {
    let message: [UInt8]
    do {
      message = try request.serializedBytes()
    } catch {
      throw CallFailure(
        GRPCStatus(.invalidArgument, "the request cannot be written: \(error)"))
    }
    self.init(
      path: "/\(method)", message: message, metadata: metadata.entriesOfCommand,
      idempotencyKey: idempotencyKey, deadline: deadline)
  }
}

extension Message {
  /// Reads a reply.
  init(reply bytes: [UInt8]) throws(CallFailure) {
    do {
      try self.init(serializedBytes: bytes)
    } catch {
      throw CallFailure(
        GRPCStatus(
          .internalError, "the reply is no message '\(Self.protoMessageName)': \(error)"))
    }
  }
}
