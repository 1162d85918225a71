import CloudstateModel
import GRPCTransport
import NIOCore
import Synchronization

/// Brings commands from any thread to one event loop and their answers back.
///
/// Commands are collected, and the event loop is woken for the first of a group only.
final class LocalLane: Sendable {
  /// Commands that begin before the event loop looks at its other work.
  private static let commandsPerTurn = 128
  /// Long enough for the event loop to look at its sockets, short enough to go unnoticed.
  private static let pause = TimeAmount.microseconds(10)

  private struct Inbox {
    var commands: [LocalCommand] = []
    /// Whether the event loop will look, or is looking.
    var isWatched = false
    var isClosed = false
  }

  let eventLoop: any EventLoop
  private let ingress: Ingress
  private let inbox = Mutex(Inbox())
  private let desk: NIOLoopBoundBox<LocalDesk>
  /// Called for each command that was taken, when its entity is done with it.
  private let done: @Sendable () -> Void

  init(ingress: Ingress, eventLoop: any EventLoop, done: @escaping @Sendable () -> Void) {
    self.ingress = ingress
    self.eventLoop = eventLoop
    self.done = done
    desk = .makeBoxSendingValue(LocalDesk(eventLoop: eventLoop), eventLoop: eventLoop)
  }

  /// Sends a command to its entity, soon. It is finished in any case.
  func submit(_ command: LocalCommand) {
    let (isTaken, wakes) = inbox.withLock { inbox in
      guard !inbox.isClosed else { return (false, false) }
      inbox.commands.append(command)
      defer { inbox.isWatched = true }
      return (true, !inbox.isWatched)
    }
    guard isTaken else {
      command.finish(.failure(LocalCalls.stopping))
      return done()
    }
    if wakes { eventLoop.execute { self.takeTurn([]) } }
  }

  /// Takes no more commands and returns when those that were taken are answered, at the latest after the
  /// given time: then they end without an answer.
  func close(within grace: TimeAmount) async {
    inbox.withLock { $0.isClosed = true }
    await withCheckedContinuation { continuation in
      eventLoop.execute {
        // What was taken before counts, and its turn may come after this.
        self.begin(self.takeAll())
        self.desk.value.whenEmpty(within: grace) { continuation.resume() }
      }
    }
  }

  // MARK: On the event loop

  private func takeTurn(_ rest: ArraySlice<LocalCommand>) {
    var commands = rest.isEmpty ? takeAll()[...] : rest
    begin(commands.prefix(Self.commandsPerTurn))
    commands = commands.dropFirst(Self.commandsPerTurn)
    if commands.isEmpty {
      let isIdle = inbox.withLock { inbox in
        inbox.isWatched = !inbox.commands.isEmpty
        return !inbox.isWatched
      }
      if isIdle { return }
    }
    let left = commands
    // Not `execute`: the event loop runs what it is given that way before it looks at its sockets.
    eventLoop.scheduleTask(in: Self.pause) { self.takeTurn(left) }
  }

  private func takeAll() -> [LocalCommand] {
    inbox.withLock { inbox in
      defer { inbox.commands = [] }
      return inbox.commands
    }
  }

  private func begin(_ commands: some Sequence<LocalCommand>) {
    for command in commands { begin(command) }
  }

  private func begin(_ command: LocalCommand) {
    guard !command.isOver else { return done() }
    guard desk.value.add(command) else {
      command.finish(.failure(LocalCalls.deadlinePassed))
      return done()
    }
    ingress.dispatcher.dispatch(command.command, on: eventLoop) { answer in
      self.desk.value.remove(command)
      command.finish(self.outcome(answer, of: command))
      self.done()
    }
  }

  private func outcome(
    _ answer: CommandAnswer, of command: LocalCommand
  ) -> LocalCommand.Outcome {
    if let failure = CallFailure(answer.outcome) { return .failure(failure) }
    guard case .reply(let payload?) = answer.outcome else {
      return .failure(
        CallFailure(
          GRPCStatus(.unimplemented, "the server answered a unary call with 0 messages")))
    }
    ingress.check(payload, against: command.route)
    return .success(LocalReply(message: payload.value, metadata: payload.metadata))
  }
}
