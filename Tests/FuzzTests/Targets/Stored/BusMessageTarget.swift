import CloudstateModel
import NIOCore

@testable import MessageBus

extension FuzzTarget {
  /// Frames of another node: two bytes of length, then that much, and so on. All go to one table of
  /// subscriptions, as they would on a node.
  static let busMessages = FuzzTarget("bus-messages") { input in
    var input = input
    var table = SubscriptionTable<Int>()
    for (index, text) in [">", "cs.evt.*.>", "cs.evt.cart.a.b.C", "a"].enumerated() {
      guard let pattern = SubjectPattern(text) else { continue }
      _ = table.add(
        UInt64(index), pattern: pattern, queueGroup: index == 1 ? "g" : nil, handler: index)
    }
    while !input.isEmpty {
      let frame = input.bytes(Int(input.short()))
      guard let message = try? IncomingMessage(ByteBuffer(bytes: frame)) else { continue }
      try checkWritten(message, frame)
      for case .publication(let sequence, let subject, _) in message.envelopes {
        let deliveries = table.receive(
          subject, in: PublicationClass(of: subject), from: message.header.source,
          number: PublicationNumber(start: message.header.start, sequence: sequence))
        try demand(deliveries.count <= 4, "\(deliveries.count) deliveries")
      }
    }
  }

  /// What was read is written with the same bytes, but for the texts of failures, which are for people.
  private static func checkWritten(_ message: IncomingMessage, _ frame: [UInt8]) throws {
    var written = ByteBuffer()
    written.writeHeader(message.header)
    for envelope in message.envelopes {
      if case .failure = envelope { return }
      written.writeEnvelope(envelope)
    }
    try demandEqual(Array(written.readableBytesView), frame, "a message written again")
  }
}
