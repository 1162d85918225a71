import GRPCTransport
import Ingress
import NIOCore
public import SwiftProtobuf

/// The replies of a streamed command, in order. Iterating throws ``CallError`` if the call ends with
/// another status than OK.
///
/// Each iteration is a call of its own.
public struct CallReplies<Reply: Message>: AsyncSequence, Sendable {
  /// One message.
  public typealias Element = Reply
  /// A call ends with a ``CallError`` or normally.
  public typealias Failure = CallError

  let access: LocalAccess
  let timeout: Duration?
  let request: @Sendable (NIODeadline?) throws(CallFailure) -> LocalRequest

  /// Begins a call when it is first asked for a reply.
  public func makeAsyncIterator() -> Iterator { Iterator(self) }

  /// Reads the replies of one call; one task at a time.
  public struct Iterator: AsyncIteratorProtocol {
    private enum Phase {
      case new(CallReplies)
      case open(LocalReplies)
      case over
    }

    private var phase: Phase

    init(_ replies: CallReplies) { phase = .new(replies) }

    /// The next reply, or `nil` when there are no more.
    public mutating func next(
      isolation actor: isolated (any Actor)? = #isolation
    ) async throws(CallError) -> Reply? {
      do throws(CallFailure) {
        switch phase {
        case .over:
          return nil
        case .new(let replies):
          phase = .over
          let request = try replies.request(GRPCAsyncClient.deadline(replies.timeout))
          let calls = try await replies.access.calls(within: replies.timeout).get()
          return try await read(try calls.stream(request).get(), isolation: actor)
        case .open(let open):
          phase = .over
          return try await read(open, isolation: actor)
        }
      } catch {
        throw CallError(error)
      }
    }

    private mutating func read(
      _ open: LocalReplies, isolation actor: isolated (any Actor)?
    ) async throws(CallFailure) -> Reply? {
      guard let bytes = try await open.next(isolation: actor) else { return nil }
      let reply = try Reply(reply: bytes)
      phase = .open(open)
      return reply
    }
  }
}
