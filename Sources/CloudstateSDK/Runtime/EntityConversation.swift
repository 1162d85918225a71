import CloudstateProtocol

/// The protocol of one `EventSourced.handle` stream (protocol section 3.1): one `init`, then stored
/// events, then commands, each of which gets one reply. Pure: message in, answer out.
struct EntityConversation: StreamConversation {
  /// Where the stream stands.
  private enum Phase {
    /// Nothing came yet. Next: `replaying`.
    case awaitingInit
    /// Stored events may come. Next: `serving`, with the first command.
    case replaying
    /// Commands may come. Next: `restarting`.
    case serving
    /// A restart was asked for, the state is worthless. The sidecar closes the stream.
    case restarting
    /// A failure was answered; nothing counts any more.
    case broken
  }

  typealias OnMessage = OnStreamMessage<Cloudstate_Eventsourced_EventSourcedReply>

  private let services: [String: HostedService]
  private var phase = Phase.awaitingInit
  private var entity: (any ActiveEntity)?

  /// The instance named by `init`, for logs; empty before.
  private(set) var entityID = ""

  /// - Parameter services: what the server hosts, by service name.
  init(services: [String: HostedService]) { self.services = services }

  static func output(_ reply: Cloudstate_Eventsourced_EventSourcedReply)
    -> Cloudstate_Eventsourced_EventSourcedStreamOut
  {
    var output = Cloudstate_Eventsourced_EventSourcedStreamOut()
    output.reply = reply
    return output
  }

  static func output(_ failure: Cloudstate_Failure) -> Cloudstate_Eventsourced_EventSourcedStreamOut
  {
    var output = Cloudstate_Eventsourced_EventSourcedStreamOut()
    output.failure = failure
    return output
  }

  /// Takes the next message of the stream.
  mutating func receive(_ message: Cloudstate_Eventsourced_EventSourcedStreamIn) -> OnMessage {
    do throws(EntityFault) {
      switch message.message {
      case .init_p(let start):
        try initialize(start)
        return .wait
      case .event(let event):
        try replay(event)
        return .wait
      case .command(let command):
        return .reply(try handle(command))
      case nil:
        throw EntityFault("A message held neither init nor event nor command.")
      }
    } catch {
      var commandID: Int64 = 0
      if case .command(let command) = message.message { commandID = command.id }
      return fail(error, commandID: commandID)
    }
  }

  private mutating func initialize(_ start: Cloudstate_Eventsourced_EventSourcedInit)
    throws(EntityFault)
  {
    guard case .awaitingInit = phase else { throw EntityFault("A second init arrived.") }
    guard case .eventSourced(let activate) = services[start.serviceName]?.kind else {
      throw unknownService(start.serviceName, among: services, kind: .eventSourced)
    }
    entityID = start.entityID
    entity = try activate(start.entityID, start.hasSnapshot ? start.snapshot : nil)
    phase = .replaying
  }

  private mutating func replay(_ event: Cloudstate_Eventsourced_EventSourcedEvent)
    throws(EntityFault)
  {
    switch phase {
    case .replaying: try entity?.replay(event)
    case .awaitingInit: throw EntityFault("An event arrived before init.")
    case .serving, .restarting, .broken:
      throw EntityFault("A stored event arrived after the first command.")
    }
  }

  private mutating func handle(_ command: Cloudstate_Command) throws(EntityFault)
    -> Cloudstate_Eventsourced_EventSourcedReply
  {
    switch phase {
    case .awaitingInit: throw EntityFault("A command arrived before init.")
    case .restarting: throw EntityFault("A command arrived although a restart was asked for.")
    case .broken: throw EntityFault("A command arrived after a failure.")
    case .replaying, .serving: break
    }
    try checkAddressee(command.entityID)
    phase = .serving
    guard let reply = try entity?.handle(command) else {
      throw EntityFault("The entity was never activated.")
    }
    if reply.clientAction.failure.restart {
      phase = .restarting
      entity = nil
    }
    return reply
  }

  mutating func breakOff() {
    phase = .broken
    entity = nil
  }
}
