import CloudstateProtocol

/// The protocol of one `ValueEntity.handle` stream (protocol section 4.1): one `init` with the stored
/// value, then commands, each of which gets one reply. Pure: message in, answer out.
struct ValueConversation: StreamConversation {
  /// Where the stream stands.
  private enum Phase {
    /// Nothing came yet. Next: `serving`.
    case awaitingInit
    /// Commands may come.
    case serving
    /// A failure was answered; nothing counts any more.
    case broken
  }

  typealias OnMessage = OnStreamMessage<Cloudstate_Valueentity_ValueEntityReply>

  private let services: [String: HostedService]
  private var phase = Phase.awaitingInit
  private var entity: (any ActiveValueEntity)?

  private(set) var entityID = ""

  /// - Parameter services: what the server hosts, by service name.
  init(services: [String: HostedService]) { self.services = services }

  static func output(_ reply: Cloudstate_Valueentity_ValueEntityReply)
    -> Cloudstate_Valueentity_ValueEntityStreamOut
  {
    var output = Cloudstate_Valueentity_ValueEntityStreamOut()
    output.reply = reply
    return output
  }

  static func output(_ failure: Cloudstate_Failure) -> Cloudstate_Valueentity_ValueEntityStreamOut {
    var output = Cloudstate_Valueentity_ValueEntityStreamOut()
    output.failure = failure
    return output
  }

  mutating func receive(_ message: Cloudstate_Valueentity_ValueEntityStreamIn) -> OnMessage {
    do throws(EntityFault) {
      switch message.message {
      case .init_p(let start):
        try initialize(start)
        return .wait
      case .command(let command):
        return .reply(try handle(command))
      case nil:
        throw EntityFault("A message held neither init nor command.")
      }
    } catch {
      var commandID: Int64 = 0
      if case .command(let command) = message.message { commandID = command.id }
      return fail(error, commandID: commandID)
    }
  }

  private mutating func initialize(_ start: Cloudstate_Valueentity_ValueEntityInit)
    throws(EntityFault)
  {
    guard case .awaitingInit = phase else { throw EntityFault("A second init arrived.") }
    guard case .value(let activate) = services[start.serviceName]?.kind else {
      throw unknownService(start.serviceName, among: services, kind: .value)
    }
    entityID = start.entityID
    // Taking a missing state for an empty one would overwrite what is stored.
    guard start.hasState else {
      throw EntityFault("The init of '\(start.entityID)' does not say whether a value is stored.")
    }
    entity = try activate(start.entityID, start.state.hasValue ? start.state.value : nil)
    phase = .serving
  }

  private mutating func handle(_ command: Cloudstate_Command) throws(EntityFault)
    -> Cloudstate_Valueentity_ValueEntityReply
  {
    switch phase {
    case .awaitingInit: throw EntityFault("A command arrived before init.")
    case .broken: throw EntityFault("A command arrived after a failure.")
    case .serving: break
    }
    try checkAddressee(command.entityID)
    guard let reply = try entity?.handle(command) else {
      throw EntityFault("The entity was never activated.")
    }
    return reply
  }

  mutating func breakOff() {
    phase = .broken
    entity = nil
  }
}
