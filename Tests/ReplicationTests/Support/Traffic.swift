import CloudstateModel
import MessageBus
import Synchronization
import TestSupport

/// Watches what goes over an ``InMemoryNetwork``, and loses some of it.
final class Traffic: Sendable {
  struct Seen: Hashable, Sendable {
    let source: String
    /// The last token of the subject.
    let topic: String
    let kind: InMemoryMessage.Kind
  }

  private let counts = Mutex<[Seen: Int]>([:])
  private let random: Mutex<SeededGenerator>

  init(seed: UInt64 = 0) { random = Mutex(SeededGenerator(seed: seed)) }

  /// Watches, and loses a share of the messages for which `isAtRisk` says so.
  func watch(
    _ network: InMemoryNetwork, losing percent: Int = 0,
    where isAtRisk: @escaping @Sendable (InMemoryMessage) -> Bool = { _ in true }
  ) {
    network.lose { [self] message in
      let topic = message.subject.text.split(separator: ".").last ?? ""
      let seen = Seen(
        source: message.source.text, topic: String(topic), kind: message.kind)
      counts.withLock { $0[seen, default: 0] += 1 }
      guard percent > 0, isAtRisk(message) else { return false }
      return random.withLock { Int.random(in: 0..<100, using: &$0) < percent }
    }
  }

  func count(from source: String, _ topic: String, _ kind: InMemoryMessage.Kind) -> Int {
    counts.withLock { $0[Seen(source: source, topic: topic, kind: kind)] ?? 0 }
  }
}
