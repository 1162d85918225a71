package import CloudstateModel
import GRPCTransport
package import NIOCore
import Synchronization

/// Calls of the public API from inside the node's process. They mean the same as those over a connection.
/// Any thread.
///
/// A command with one reply goes to its entity at once; other calls go as calls within the process, so that
/// streams and their flow control are the same.
package final class LocalCalls: Sendable {
  /// Calls that may be open at once. The next is refused as `overloaded`.
  package static let maximumOpen = 10_000

  private let ingress: Ingress
  private let maximumMessageBytes: Int
  private let lanes: [LocalLane]
  private let connections: [InProcessConnection]
  /// Which of the event loops an entity's commands are best sent on.
  private let place: @Sendable (EntityKey) -> Int
  private let open: OpenCalls
  private let next = Atomic<Int>(0)

  /// - Parameters:
  ///   - loops: the event loops of the node, one or more.
  ///   - place: which of them runs an entity, if it is on this node.
  package init(
    ingress: Ingress, loops: [any EventLoop], maximumMessageBytes: Int,
    place: @escaping @Sendable (EntityKey) -> Int
  ) {
    precondition(!loops.isEmpty, "a node has event loops")
    self.ingress = ingress
    self.maximumMessageBytes = maximumMessageBytes
    self.place = place
    let open = OpenCalls()
    self.open = open
    var configuration = InProcessConfiguration()
    configuration.maximumMessageBytes = maximumMessageBytes
    lanes = loops.map { LocalLane(ingress: ingress, eventLoop: $0) { open.leave() } }
    connections = loops.map {
      InProcessConnection(router: ingress, eventLoop: $0, configuration: configuration)
    }
  }

  /// A call with one request and one reply. Cancelling the task ends the waiting, not the command.
  package func unary(_ request: LocalRequest) async -> Result<LocalReply, CallFailure> {
    if request.message.count > maximumMessageBytes {
      return .failure(
        CallFailure(
          GRPCStatus(
            .resourceExhausted,
            "a message of \(request.message.count) bytes; the limit is \(maximumMessageBytes)")))
    }
    if let failure = open.enter() { return .failure(failure) }
    guard let route = ingress.route(request.path),
      case .entity(let persistenceID, let entityID) = route.target
    else {
      defer { open.leave() }
      return await connectedUnary(request)
    }
    let headers = request.headers
    let maker = EntityCommandMaker(
      route: route, persistenceID: persistenceID, entityID: entityID,
      idempotencyKey: headers[HeaderName.idempotencyKey],
      maximumIdempotencyKeyBytes: ingress.configuration.maximumIdempotencyKeyBytes,
      metadata: ingress.configuration.capturesMetadata ? MetadataHeaders.metadata(headers) : [],
      deadline: request.deadline?.uptimeNanoseconds)
    switch maker.command(request.message, number: 1) {
    case .failure(let error):
      open.leave()
      return .failure(CallFailure(error))
    case .success(let command):
      let lane = lanes[place(command.entity) % lanes.count]
      let local = LocalCommand(command, route: route, deadline: request.deadline)
      return await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          // The count goes down when the entity is done, not when the caller leaves.
          if local.wait(continuation) { lane.submit(local) } else { open.leave() }
        }
      } onCancel: {
        local.finish(.failure(Self.cancelled))
      }
    }
  }

  private func connectedUnary(_ request: LocalRequest) async -> Result<LocalReply, CallFailure> {
    let result = await client().unaryResult(
      path: request.path, metadata: request.headers, message: ByteBuffer(bytes: request.message),
      deadline: request.deadline)
    return result.map {
      LocalReply(
        message: [UInt8](buffer: $0.message), metadata: MetadataHeaders.metadata($0.headers))
    }.mapError { CallFailure($0.status, trailers: $0.trailers) }
  }

  /// A call with one request and any number of replies. It begins at once, and is cancelled when the
  /// answer is let go.
  package func stream(_ request: LocalRequest) -> Result<LocalReplies, CallFailure> {
    if let failure = open.enter() { return .failure(failure) }
    let messages = client().serverStream(
      path: request.path, metadata: request.headers, message: ByteBuffer(bytes: request.message),
      deadline: request.deadline)
    return .success(LocalReplies(messages.makeAsyncIterator(), of: messages, open: open))
  }

  /// Takes no more calls, and returns when those that are open have ended or their time is over.
  package func close(within grace: TimeAmount) async {
    open.close()
    await withTaskGroup { group in
      for lane in lanes { group.addTask { await lane.close(within: grace) } }
      for connection in connections {
        group.addTask {
          await withCheckedContinuation { continuation in
            connection.eventLoop.execute {
              connection.closeWhenIdle(within: grace) { continuation.resume() }
            }
          }
        }
      }
    }
  }

  private func client() -> GRPCAsyncClient {
    let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
    return GRPCAsyncClient(connections[Int(UInt(bitPattern: number) % UInt(connections.count))])
  }

  // MARK: Failures

  static let tooMany = CallFailure(
    CommandError(
      .overloaded,
      "\(maximumOpen) calls from inside the node are open; wait for answers before sending more"))
  package static let stopping = CallFailure(
    CommandError(.stopping, "the node is stopping, or has stopped"))
  package static let cancelled = CallFailure(
    GRPCStatus(.cancelled, "cancelled by the caller; a command that was sent is not undone"))
  package static let deadlinePassed = CallFailure(
    CommandError(.timeout, "the deadline of the call has passed"))
  static let outcomeUnknown = CallFailure(
    CommandError(
      .outcomeUnknown, "the node stopped before the command was answered; it may have run"))
}

/// How many calls are open, and whether more may be. Any thread.
final class OpenCalls: Sendable {
  private let count = Atomic<Int>(0)
  private let isClosed = Atomic<Bool>(false)

  /// A place for one more call, or why there is none.
  func enter() -> CallFailure? {
    if isClosed.load(ordering: .relaxed) { return LocalCalls.stopping }
    guard count.wrappingAdd(1, ordering: .relaxed).newValue <= LocalCalls.maximumOpen else {
      leave()
      return LocalCalls.tooMany
    }
    return nil
  }

  func close() { isClosed.store(true, ordering: .relaxed) }

  func leave() { count.wrappingSubtract(1, ordering: .relaxed) }
}

/// The replies of a call from inside the node, one after the other, for one task.
package final class LocalReplies {
  private var iterator: GRPCMessageStream.AsyncIterator
  private let messages: GRPCMessageStream
  private let open: OpenCalls

  init(
    _ iterator: GRPCMessageStream.AsyncIterator, of messages: GRPCMessageStream, open: OpenCalls
  ) {
    self.iterator = iterator
    self.messages = messages
    self.open = open
  }

  deinit { open.leave() }

  /// The next message; `nil` after the last.
  package func next(
    isolation actor: isolated (any Actor)? = #isolation
  ) async throws(CallFailure) -> [UInt8]? {
    do {
      return try await iterator.next().map { [UInt8](buffer: $0) }
    } catch let status as GRPCStatus {
      throw CallFailure(status, trailers: messages.metadata.trailers)
    } catch {
      throw CallFailure(GRPCStatus(.internalError, "\(error)"))
    }
  }
}
