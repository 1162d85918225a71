package import CloudstateModel
package import CloudstateProtocol
package import CommandLineKit
import GRPCTransport
import NIOCore

/// Follows a selection over any number of connections until it is complete, enough was shown, or the
/// output is closed. Within the run nothing is shown twice and nothing is left out.
package struct TailRun: Sendable {
  package typealias Event = Cloudstate_Streams_TailedEvent

  private let session: ClientSession
  private let selection: TailSelection
  private let limit: Int?
  private let startedAt: Timestamp
  private let console: Console
  private let show: @Sendable (Event) throws -> Void

  /// - Parameters:
  ///   - limit: how many events to show; `nil` = no limit.
  ///   - startedAt: the time of day.
  ///   - show: writes one event; called on an event loop, in order. It may block, which holds the
  ///     server back.
  package init(
    session: ClientSession, selection: TailSelection, limit: Int? = nil, startedAt: Timestamp,
    console: Console, show: @escaping @Sendable (Event) throws -> Void
  ) {
    self.session = session
    self.selection = selection
    self.limit = limit
    self.startedAt = startedAt
    self.console = console
    self.show = show
  }

  /// Runs to the end; cancelling the task ends the run with `CancellationError`.
  ///
  /// - Throws: ``ProgramError`` when no server can be reached or the selection is refused, and what
  ///   `show` threw.
  package func run() async throws {
    var state = State(
      follower: TailFollower(selection: selection, limit: limit),
      policy: ReconnectPolicy(
        firstPatience: session.timeout,
        patience: selection.endsAtCurrent ? max(session.timeout, .seconds(30)) : nil))
    var serverIndex = 0
    while true {
      try Task.checkCancellation()
      let end: TailConnection.End
      (end, state) = await connectOnce(serverIndex: serverIndex, state: state)
      if let failure = state.failure { throw failure }
      switch end {
      case .complete:
        for event in state.follower.finish().show { try show(event) }
        return
      case .stopped:
        try Task.checkCancellation()
        return
      case .failed(let status):
        let address = session.addresses[serverIndex]
        let decision = state.policy.failed(
          status.code, now: .now(), random: .random(in: 0...1))
        guard case .retry(let delay) = decision else { throw error(status, state) }
        let line = "\(address): \(status.text); trying again"
        if state.shouldTell { console.info(line) } else { console.detail(line) }
        state.shouldTell = false
        serverIndex = (serverIndex + 1) % session.addresses.count
        try await Task.sleep(for: .nanoseconds(delay.nanoseconds))
      }
    }
  }

  /// What outlives a connection.
  private struct State: Sendable {
    var follower: TailFollower
    var policy: ReconnectPolicy
    /// The next failure is worth a line: it is the first after a success.
    var shouldTell = true
    /// What `show` threw.
    var failure: (any Error)?
  }

  private func error(_ status: GRPCStatus, _ state: State) -> ProgramError {
    switch status.code.exitStatus {
    case .unreachable where !state.follower.hasBegun: session.unreachable(status)
    case .notFound:
      status.programError(
        hint: "use the public port of a node, for example --server 127.0.0.1:9000")
    default: status.programError()
    }
  }

  private func connectOnce(
    serverIndex: Int, state: State
  ) async -> (TailConnection.End, State) {
    let eventLoop = session.group.next()
    let stopper = Stopper(eventLoop: eventLoop)
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        eventLoop.execute {
          self.begin(on: eventLoop, serverIndex: serverIndex, state: state, stopper) {
            continuation.resume(returning: ($0, $1))
          }
        }
      }
    } onCancel: {
      stopper.stop()
    }
  }

  private func begin(
    on eventLoop: any EventLoop, serverIndex: Int, state: State, _ stopper: Stopper,
    completion: @escaping (TailConnection.End, State) -> Void
  ) {
    let links = ServerLinks(
      addresses: session.addresses, startingWith: serverIndex, on: eventLoop,
      connect: session.connect)
    var state = state
    let request = selection.request(
      after: state.follower.cursor, isResumed: state.follower.hasBegun, startedAt: startedAt)
    let connection = TailConnection.begin(on: links.currentTransport, request: request) {
      response in
      self.take(response, from: links, &state)
    } completion: { end in
      links.close()
      completion(end, state)
    }
    stopper.attach(connection)
  }

  /// Shows what a message brings; `false` when the call is to end.
  private func take(
    _ response: Cloudstate_Streams_TailResponse, from links: ServerLinks, _ state: inout State
  ) -> Bool {
    let before = state.follower.cursor
    let step = state.follower.receive(response)
    // A tail that is to end must not be kept by a server that talks and never gets on.
    let getsOn = !selection.endsAtCurrent || step.isDone || state.follower.cursor != before
    if !getsOn {
      state.policy.connected()
    } else if let outage = state.policy.succeeded(now: .now()) {
      let seconds = LoadSummary.decimal(Double(outage.nanoseconds) / 1e9, places: 1)
      console.info("\(links.currentAddress): connected again after \(seconds) s")
      state.shouldTell = true
    }
    if let notice = step.notice { console.info("notice: \(notice)") }
    do {
      for event in step.show { try show(event) }
    } catch {
      state.failure = error
      return false
    }
    return !step.isDone
  }
}

/// Carries the cancellation of a task to a connection, whichever comes first.
private final class Stopper: Sendable {
  private struct State {
    var connection: TailConnection?
    var isStopped = false
  }

  private let eventLoop: any EventLoop
  private let state: NIOLoopBoundBox<State>

  init(eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
    state = NIOLoopBoundBox.makeBoxSendingValue(State(), eventLoop: eventLoop)
  }

  /// Called on the event loop.
  func attach(_ connection: TailConnection) {
    if state.value.isStopped { connection.stop() } else { state.value.connection = connection }
  }

  /// Called from any thread.
  func stop() {
    eventLoop.execute {
      self.state.value.isStopped = true
      self.state.value.connection?.stop()
    }
  }
}
