package import CloudstateModel
import NIOCore
import Synchronization

/// A message on its way between two in-memory buses, as a rule for losses sees it.
package struct InMemoryMessage: Sendable {
  package enum Kind: Hashable, Sendable {
    case request, answer, publication
  }

  enum Content: Sendable {
    case request(id: UInt64, payload: ByteBuffer)
    case answer(id: UInt64, Result<ByteBuffer, BusError>)
    case publication(PublicationNumber, payload: ByteBuffer)
  }

  package let source: NodeID
  package let target: NodeID
  /// For an answer, that of its request.
  package let subject: Subject
  let content: Content

  package var kind: Kind {
    switch content {
    case .request: .request
    case .answer: .answer
    case .publication: .publication
    }
  }

  /// The answer to this request.
  func answer(_ id: UInt64, _ result: Result<ByteBuffer, BusError>) -> InMemoryMessage {
    InMemoryMessage(
      source: target, target: source, subject: subject, content: .answer(id: id, result))
  }
}

/// A call to make once the network's lock is released.
enum InMemoryEffect: Sendable {
  case complete(Requester, Result<ByteBuffer, BusError>)
  case publish(PublicationHandler, Publication)
  case respond(RequestHandler, BusRequest)

  func run() {
    switch self {
    case .complete(let requester, let result): requester.complete(result)
    case .publish(let handler, let publication): handler(publication)
    case .respond(let handler, let request): handler(request)
    }
  }
}

/// Lets one answer to a request through.
final class InMemoryAnswerSlot: Sendable {
  private let isUsed = Atomic(false)

  /// Whether this is the first call.
  func take() -> Bool { !isUsed.exchange(true, ordering: .relaxed) }
}
