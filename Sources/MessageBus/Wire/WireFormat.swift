import CloudstateModel
import NIOCore

/// The binary format in which nodes speak to each other, version 1.
///
/// Invariants: integers are big-endian; a message is one ZeroMQ frame; it is valid as a whole or
/// discarded as a whole; nothing follows the last envelope; reserved bits are zero; another version byte
/// means another format, which is refused and never guessed at.
///
///     message    magic "CS", version 1, start u64, source text8, target text8, one or more envelopes
///     text8      length u8, bytes of a node id; the target is empty when the message is for anyone
///     envelope   kind u8, flags u8 (0), number u64, subject length u16, payload length u32,
///                subject, payload
///
/// | kind | | number | subject | payload |
/// |---|---|---|---|---|
/// | 1 | request | correlation id of the requester | yes | the caller's |
/// | 2 | answer | that of the request | empty | the responder's |
/// | 3 | failure | that of the request | empty | code u8, message in UTF-8 |
/// | 4 | publication | sequence in its class | yes | the publisher's |
///
/// Links: DEALER to ROUTER carries requests, ROUTER to DEALER answers and failures. The ROUTER knows
/// a link only by the routing id that it made up for the connection, so an answer can never reach a
/// later connection. PUB to SUB carries publications behind a first frame that holds the topic of their
/// class, see ``PublicationClass/topic``. Two requests are of the buses themselves, see ``BusLoop/leave(_:)``:
/// they have number 0 and no answer.
enum WireFormat {
  static let magic: UInt16 = 0x4353
  static let version: UInt8 = 1
  static let envelopeOverhead = 16
  /// Bound of everything in a message besides payloads: header, one envelope, one subject.
  static let maximumOverhead = 2048
  static let maximumFailureText = 1024
}

/// What stands at the head of each message.
struct MessageHeader: Hashable, Sendable {
  var source: NodeID
  /// Tells the runs of the source apart, see ``PublicationNumber/start``.
  var start: UInt64
  /// The node the message is meant for; `nil` for any.
  var target: NodeID?
}

/// One unit of traffic; many travel in one message.
enum Envelope: Sendable {
  case request(id: UInt64, subject: Subject, payload: ByteBuffer)
  case answer(id: UInt64, payload: ByteBuffer)
  case failure(id: UInt64, BusError)
  case publication(sequence: UInt64, subject: Subject, payload: ByteBuffer)
}

enum EnvelopeKind: UInt8 {
  case request = 1
  case answer = 2
  case failure = 3
  case publication = 4
}

extension BusError.Code {
  /// The code's byte in a failure.
  var wireCode: UInt8 {
    switch self {
    case .unreachable: 1
    case .timeout: 2
    case .noResponder: 3
    case .overloaded: 4
    case .rejected: 5
    case .closed: 6
    }
  }

  /// The code of a byte; a byte of a later version means "refused", which is true of them all.
  init(wireCode: UInt8) {
    switch wireCode {
    case 1: self = .unreachable
    case 2: self = .timeout
    case 3: self = .noResponder
    case 4: self = .overloaded
    case 6: self = .closed
    default: self = .rejected
    }
  }
}
