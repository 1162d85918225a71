import CommandLineKit
import FoundationEssentials
import Glibc

/// Talks with the coordinator's admin listener, several requests at a time. Of several coordinators one leads: after
/// one that does not, or does not answer, the next one is asked, by the next request.
final class AdminClient: PolledPart {
  /// How long one request may take.
  static let patience = Duration.seconds(5)
  /// Requests at once; one more fails. The coordinator serves 64 connections.
  static let maximumExchanges = 32

  /// Never empty.
  private let addresses: [NetworkAddress]
  /// Which of them is asked.
  private var current = 0
  private var exchanges: [AdminExchange] = []
  private var polled: [AdminExchange] = []

  /// `nil` without an address.
  init?(addresses: [NetworkAddress]) {
    guard !addresses.isEmpty else { return nil }
    self.addresses = addresses
  }

  /// Sends a request.
  ///
  /// - Parameters:
  ///   - now: since the start of the loop.
  ///   - onEnd: called once, never before this call returns.
  /// - Throws: ``ProgramError`` when it could not be sent.
  func send(
    _ method: String, _ path: String, at now: Duration,
    onEnd: @escaping (AdminExchange.Outcome) -> Void
  ) throws(ProgramError) {
    guard exchanges.count < Self.maximumExchanges else {
      throw ProgramError("too many requests to the coordinator at once", status: .unreachable)
    }
    let asked = current
    exchanges.append(
      try AdminExchange(method, path, at: addresses[asked], deadline: now + Self.patience) {
        [weak self] outcome in onEnd(self?.judge(outcome, of: asked) ?? outcome)
      })
  }

  /// A coordinator that does not lead has not answered.
  private func judge(
    _ outcome: AdminExchange.Outcome, of asked: Int
  ) -> AdminExchange.Outcome {
    var judged = outcome
    if case .answer(let answer) = outcome {
      guard Self.referrals.contains(answer.status) else { return outcome }
      judged = .failed(NodeShards.reason(answer))
    }
    // Several requests that failed together are one reason to go on.
    if asked == current { current = (current + 1) % addresses.count }
    return judged
  }

  /// With what coordinators that do not lead answer: RFC 9110, sections 15.4.8 and 15.5.20.
  private static let referrals = [307, 421]

  var deadline: Duration? { exchanges.map(\.deadline).min() }

  func pollEntries() -> [pollfd] {
    polled = exchanges
    return exchanges.map(\.pollEntry)
  }

  func react(to entries: ArraySlice<pollfd>, at now: Duration) {
    for (entry, exchange) in zip(entries, polled) {
      var outcome = entry.isDue ? exchange.advance() : nil
      if outcome == nil, exchange.deadline <= now { outcome = .failed("it did not answer in time") }
      guard let outcome else { continue }
      exchanges.removeAll { $0 === exchange }
      exchange.onEnd(outcome)
    }
    polled = []
  }
}

/// The answer to `GET /nodes` of a coordinator's admin listener, as far as it matters here: how many
/// shards each node has a copy of, as primary or otherwise, and which are drained.
struct NodeShards: Hashable, Sendable, Decodable {
  private struct Node: Decodable {
    var node: String
    var primaries: Int
    var replicas: Int
    var draining: Bool?
  }

  private enum CodingKeys: String, CodingKey {
    case nodes
  }

  var counts: [String: Int]
  var drained: Set<String>

  init(from decoder: any Decoder) throws {
    let nodes = try decoder.container(keyedBy: CodingKeys.self).decode([Node].self, forKey: .nodes)
    counts = Dictionary(nodes.map { ($0.node, $0.primaries + $0.replicas) }) { first, _ in first }
    drained = Set(nodes.filter { $0.draining == true }.map(\.node))
  }

  /// The reason in the body of a refusal: the text under `error`, or the body as it is.
  static func reason(_ answer: AdminExchange.Answer) -> String {
    struct Refusal: Decodable {
      var error: String
    }
    if let refusal = try? JSONDecoder().decode(Refusal.self, from: Data(answer.body)) {
      return refusal.error
    }
    let text = String(decoding: answer.body.prefix(1000), as: UTF8.self)
    return text.isEmpty ? "HTTP status \(answer.status)" : text.replacing("\n", with: " ")
  }

  /// Reads the body of an answer.
  ///
  /// - Throws: ``ProgramError`` when it is none.
  init(body: [UInt8]) throws(ProgramError) {
    do {
      self = try JSONDecoder().decode(Self.self, from: Data(body))
    } catch {
      throw ProgramError("the coordinator's answer to GET /nodes cannot be read: \(error)")
    }
  }
}
