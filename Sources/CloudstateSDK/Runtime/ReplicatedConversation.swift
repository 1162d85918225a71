import CloudstateProtocol

/// The protocol of one `Crdt.handle` stream (protocol section 5.1): one `init`, then changes made on
/// other nodes, commands, cancellations and at last a deletion, in any order. Pure: message in, answers
/// out.
struct ReplicatedConversation: StreamConversation {
  /// Where the stream stands.
  private enum Phase {
    /// Nothing came yet. Next: `serving`.
    case awaitingInit
    /// Everything but `init` may come.
    case serving
    /// A failure was answered; nothing counts any more.
    case broken
  }

  typealias Output = Cloudstate_Crdt_CrdtStreamOut
  typealias OnMessage = OnStreamMessage<Output>

  private let services: [String: HostedService]
  private var phase = Phase.awaitingInit
  private var entity: (any ActiveReplicatedEntity)?

  private(set) var entityID = ""

  /// - Parameter services: what the server hosts, by service name.
  init(services: [String: HostedService]) { self.services = services }

  static func output(_ reply: Output) -> Output { reply }

  static func output(_ failure: Cloudstate_Failure) -> Output {
    var output = Output()
    output.failure = failure
    return output
  }

  mutating func receive(_ message: Cloudstate_Crdt_CrdtStreamIn) -> OnMessage {
    do throws(EntityFault) {
      if case .init_p(let start) = message.message {
        try initialize(start)
        return .wait
      }
      try checkPhase()
      switch message.message {
      case .init_p, nil: throw EntityFault("A message held nothing that is known here.")
      case .delta(let delta): return .replies(try entity?.apply(ReplicatedDelta(delta)) ?? [])
      case .delete:
        entity?.delete()
        return .wait
      case .command(let command):
        try checkAddressee(command.entityID)
        return .replies(try entity?.handle(command) ?? [])
      case .streamCancelled(let cancelled):
        try checkAddressee(cancelled.entityID)
        return .replies(try entity?.cancel(cancelled.id) ?? [])
      }
    } catch {
      // A failure with the id of a command would fail that command alone (protocol section 5.1).
      return fail(error, commandID: 0)
    }
  }

  private mutating func initialize(_ start: Cloudstate_Crdt_CrdtInit) throws(EntityFault) {
    guard case .awaitingInit = phase else { throw EntityFault("A second init arrived.") }
    guard case .replicated(let activate) = services[start.serviceName]?.kind else {
      throw unknownService(start.serviceName, among: services, kind: .replicated)
    }
    entityID = start.entityID
    entity = try activate(
      start.entityID, start.hasDelta ? ReplicatedDelta(start.delta) : nil)
    phase = .serving
  }

  private func checkPhase() throws(EntityFault) {
    switch phase {
    case .awaitingInit: throw EntityFault("The first message of the stream was no init.")
    case .broken: throw EntityFault("A message arrived after a failure.")
    case .serving: break
    }
  }

  mutating func breakOff() {
    phase = .broken
    entity = nil
  }
}
