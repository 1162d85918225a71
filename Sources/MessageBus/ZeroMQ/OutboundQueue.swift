import CloudstateModel
import DequeModule
import NIOCore

/// Envelopes that wait to be sent on one link, oldest first, within bounds. A pure value.
struct OutboundQueue {
  private let maximumCount: Int
  private let maximumBytes: Int
  private var envelopes: Deque<Envelope> = []
  private var byteCount = 0

  init(maximumCount: Int, maximumBytes: Int) {
    self.maximumCount = maximumCount
    self.maximumBytes = maximumBytes
  }

  var isEmpty: Bool { envelopes.isEmpty }

  /// Appends an envelope; `false` if a bound is reached. One envelope is taken whatever its size.
  mutating func append(_ envelope: Envelope) -> Bool {
    guard envelopes.count < maximumCount,
      envelopes.isEmpty || byteCount + envelope.byteCount <= maximumBytes
    else { return false }
    envelopes.append(envelope)
    byteCount += envelope.byteCount
    return true
  }

  /// Writes envelopes from the front, as many as one message takes, to `message`, leaving out those that
  /// are no longer wanted. The queue keeps them: only a message that was sent is removed.
  func writeBatch(
    to message: inout ByteBuffer, maximumBytes: Int, maximumCount: Int,
    isWanted: (Envelope) -> Bool
  ) -> (taken: Int, written: Int) {
    var taken = 0
    var written = 0
    for envelope in envelopes {
      if isWanted(envelope) {
        let isFull = written > 0 && message.readableBytes + envelope.byteCount > maximumBytes
        guard written < maximumCount, !isFull else { break }
        message.writeEnvelope(envelope)
        written += 1
      }
      taken += 1
    }
    return (taken, written)
  }

  /// Removes what a batch took, calling `body` with each.
  mutating func removeFirst(_ count: Int, _ body: (Envelope) -> Void) {
    for _ in 0..<count {
      guard let envelope = envelopes.popFirst() else { return }
      byteCount -= envelope.byteCount
      body(envelope)
    }
  }

  /// Drops everything and answers how much there was.
  mutating func removeAll() -> Int {
    defer {
      envelopes.removeAll()
      byteCount = 0
    }
    return envelopes.count
  }
}

extension Envelope {
  /// Bytes on the wire; for a failure an estimate.
  var byteCount: Int {
    switch self {
    case .request(_, let subject, let payload), .publication(_, let subject, let payload):
      WireFormat.envelopeOverhead + subject.text.utf8.count + payload.readableBytes
    case .answer(_, let payload): WireFormat.envelopeOverhead + payload.readableBytes
    case .failure(_, let error): WireFormat.envelopeOverhead + 1 + error.message.utf8.count
    }
  }

  /// The correlation id, or the sequence of a publication.
  var number: UInt64 {
    switch self {
    case .request(let id, _, _), .answer(let id, _), .failure(let id, _): id
    case .publication(let sequence, _, _): sequence
    }
  }
}
