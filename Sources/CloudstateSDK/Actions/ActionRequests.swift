public import SwiftProtobuf

/// The requests of a streamed call, in order, until the caller has sent its last.
///
/// Requests are read from the caller as they are taken: whoever is slow here slows the caller down.
/// The sequence is iterated once; iteration throws `CancellationError` when the task is cancelled or
/// the caller has gone away, and another error for a request that cannot be read.
public struct ActionRequests<Request: Message>: AsyncSequence, Sendable {
  let queue: RequestQueue

  /// Takes the requests.
  public struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate var base: WithMetadata.AsyncIterator

    /// The next request; `nil` after the last.
    public mutating func next() async throws -> Request? { try await base.next()?.message }
  }

  /// Iterators share the requests: each is delivered once.
  public func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(base: withMetadata.makeAsyncIterator())
  }

  /// The requests with what travels beside each, such as the attributes of an event.
  public var withMetadata: WithMetadata { WithMetadata(queue: queue) }

  /// Requests and their metadata; otherwise as ``ActionRequests``.
  public struct WithMetadata: AsyncSequence, Sendable {
    fileprivate let queue: RequestQueue

    /// Takes the requests.
    public struct AsyncIterator: AsyncIteratorProtocol {
      fileprivate let queue: RequestQueue
      fileprivate let codec = MessageCodec<Request>()

      /// The next request; `nil` after the last.
      public mutating func next() async throws -> (message: Request, metadata: Metadata)? {
        guard let request = try await queue.next() else { return nil }
        return (try codec.unpack(request.payload), request.metadata)
      }
    }

    /// Iterators share the requests: each is delivered once.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(queue: queue) }
  }
}
