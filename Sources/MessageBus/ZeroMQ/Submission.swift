import CloudstateModel
import NIOCore
import Synchronization

typealias PublicationHandler = @Sendable (Publication) -> Void
typealias RequestHandler = @Sendable (BusRequest) -> Void

/// Something that the bus thread is asked to do.
enum Submission: Sendable {
  case connect(BusPeer)
  case disconnect(NodeID)
  case subscribe(UInt64, SubjectPattern, queueGroup: String?, PublicationHandler)
  case serve(UInt64, SubjectPattern, RequestHandler)
  /// Ends what `subscribe` or `serve` began under this id.
  case cancel(UInt64)
  case publish(OutgoingPublication)
  case request(OutgoingRequest)
  case answer(AnswerDestination, Result<ByteBuffer, BusError>)
  /// Asks the peers to send nothing more, and tells when they do not.
  case leave(@Sendable () -> Void)

  /// What counts against the bound on bytes.
  var byteCount: Int {
    switch self {
    case .publish(let publication): publication.payload.readableBytes
    case .request(let request): request.payload.readableBytes
    case .answer(_, .success(let payload)): payload.readableBytes
    default: 0
    }
  }
}

struct OutgoingPublication: Sendable {
  let subject: Subject
  let publicationClass: PublicationClass
  let number: PublicationNumber
  let payload: ByteBuffer
}

struct OutgoingRequest: Sendable {
  let subject: Subject
  let payload: ByteBuffer
  let target: NodeID
  let deadline: NIODeadline
  let requester: Requester
}

/// The name a ROUTER gave to one connection.
struct RouteID: Hashable, Sendable {
  let bytes: [UInt8]
}

/// Where an answer goes.
enum AnswerDestination: Sendable {
  /// A request of this node to itself.
  case local(id: UInt64)
  case remote(RouteID, id: UInt64)
}

/// Lets one answer to a request through.
final class AnswerSlot: Sendable {
  private let destination: AnswerDestination
  private let queue: SubmissionQueue
  private let isUsed = Atomic(false)

  init(_ destination: AnswerDestination, queue: SubmissionQueue) {
    self.destination = destination
    self.queue = queue
  }

  func answer(_ result: Result<ByteBuffer, BusError>) {
    guard !isUsed.exchange(true, ordering: .relaxed) else { return }
    queue.answer(destination, result)
  }
}
