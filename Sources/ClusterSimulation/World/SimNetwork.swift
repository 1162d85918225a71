/// How requests between processes fail, as the bus of the product tells it.
enum SimBusFailure: String, Error {
  /// Nothing was delivered.
  case unreachable
  /// No answer came in time; whether the request was delivered is not known.
  case timeout
  /// The other side does not serve this now.
  case refused
}

/// The network between processes.
///
/// As over the product's bus, the requests of one link arrive in order and once, if they do. With `keepsOrder` off
/// they overtake each other, and those that may be repeated are.
final class SimNetwork {
  /// The state of one direction between two processes.
  struct Link {
    /// Everything is lost.
    var isCut = false
    /// How many of a million requests are lost.
    var lossPPM = 0
    /// Added to each latency.
    var delay: UInt64 = 0
    /// When the last request arrives.
    var lastArrival: UInt64 = 0
    /// Since when the sender could know that nothing gets through.
    var cutSince: UInt64?
  }

  private struct Ends: Hashable {
    let from: String
    let to: String
  }

  private let world: World
  let keepsOrder: Bool
  /// How many of a million requests arrive twice, where that does no harm by promise.
  var duplicatePPM = 0
  private var links: [Ends: Link] = [:]
  /// How long it takes until a cut link counts as down.
  private let detection = Span.second

  init(_ world: World, keepsOrder: Bool) {
    self.world = world
    self.keepsOrder = keepsOrder
  }

  // MARK: Faults

  func change(_ from: SimProcess, _ to: SimProcess, _ body: (inout Link) -> Void) {
    body(&links[Ends(from: from.name, to: to.name), default: Link()])
  }

  func cut(_ from: SimProcess, _ to: SimProcess) {
    change(from, to) {
      $0.isCut = true
      $0.cutSince = $0.cutSince ?? world.now
    }
  }

  /// All links are as new.
  func heal() {
    for ends in links.keys {
      let last = links[ends]?.lastArrival ?? 0
      links[ends] = Link(lastArrival: last)
    }
  }

  // MARK: Requests

  /// Sends a request. `serve` runs in the other process, if it arrives, and answers at any time; `completion` runs
  /// in this one, exactly once unless it dies.
  ///
  /// - Parameters:
  ///   - timeout: on the sender's clock.
  ///   - isRepeatable: it may arrive twice on a network that does not keep order.
  ///   - outlivesSender: what is under way when the sender dies arrives all the same.
  func request<Answer>(
    _ label: @autoclosure () -> String, from: SimProcess, to: SimProcess, timeout: UInt64,
    isRepeatable: Bool = true, outlivesSender: Bool = false,
    serve: @escaping (_ answer: @escaping (Result<Answer, SimBusFailure>) -> Void) -> Void,
    completion: @escaping (Result<Answer, SimBusFailure>) -> Void
  ) {
    var isOpen = true
    let finish: (Result<Answer, SimBusFailure>) -> Void = { result in
      guard isOpen else { return }
      isOpen = false
      completion(result)
    }
    guard mayKnowLink(from, to) else {
      from.after(world.random.span(10_000...100_000)) { finish(.failure(.unreachable)) }
      return
    }
    from.note("-> \(to.name) \(label())")
    from.afterOwn(timeout) { finish(.failure(.timeout)) }
    let life = from.life
    let deliver = { [self] in
      let receiver = to.life
      serve { [self] answer in
        // An answer dies with who gave it.
        guard to.life == receiver else { return }
        carry(to, from) { if from.life == life { from.run { finish(answer) } } }
      }
    }
    carry(from, to, outlivesSender: outlivesSender) { to.run(deliver) }
    if isRepeatable, !keepsOrder, world.random.chance(ppm: duplicatePPM) {
      carry(from, to) { to.run(deliver) }
    }
  }

  /// Whether a request may be given to the link: whoever knows it to be down refuses.
  private func mayKnowLink(_ from: SimProcess, _ to: SimProcess) -> Bool {
    guard to.isAlive else { return false }
    let out = links[Ends(from: from.name, to: to.name)]?.cutSince
    let back = links[Ends(from: to.name, to: from.name)]?.cutSince
    return [out, back].allSatisfy { $0.map { world.now - $0 < detection } ?? true }
  }

  /// Sends a piece of a stream, which arrives behind the one before it. Answers when that is; `nil` if it is lost, and
  /// the stream with it.
  func push(
    from: SimProcess, to: SimProcess, after last: UInt64, _ arrive: @escaping () -> Void
  ) -> UInt64? {
    carry(from, to, after: last, arrive)
  }

  /// Brings something to the other end, if it gets there, and answers when.
  @discardableResult
  private func carry(
    _ from: SimProcess, _ to: SimProcess, outlivesSender: Bool = false, after last: UInt64 = 0,
    _ arrive: @escaping () -> Void
  ) -> UInt64? {
    let ends = Ends(from: from.name, to: to.name)
    var link = links[ends, default: Link()]
    defer { links[ends] = link }
    if link.isCut || world.random.chance(ppm: link.lossPPM) { return nil }
    var latency = world.random.span(20 * Span.microsecond...300 * Span.microsecond) + link.delay
    if world.random.chance(ppm: 2_000) {
      latency += world.random.span(Span.millisecond...30 * Span.millisecond)
    }
    var arrival = max(world.now + latency, last + 1)
    if keepsOrder { arrival = max(arrival, link.lastArrival + 1) }
    link.lastArrival = arrival
    // What is under way when a process dies is lost with its connections.
    let (sender, receiver) = (from.life, to.life)
    world.at(arrival) {
      if outlivesSender || from.life == sender, to.life == receiver { arrive() }
    }
    return arrival
  }
}
