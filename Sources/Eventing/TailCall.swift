import CloudstateModel
import CloudstateProtocol
import GRPCTransport
import NIOCore

/// One `tail` call: does what its ``TailMachine`` decides. Lives on the event loop of its call.
final class TailCall: GRPCServerCallHandler {
  private static let shuttingDown = GRPCStatus(
    .unavailable, "the node is shutting down; go on at another node")

  private let context: StreamsContext
  private let access: TailAccess
  private let eventLoop: any EventLoop
  /// `nil` once the call is over.
  private var call: (any GRPCServerCall)?
  private var machine: TailMachine?
  private var isPerforming = false
  /// Something happened while actions were performed.
  private var mustGoOn = false
  private var subscription: UInt64?
  private var timer: Scheduled<Void>?
  private var timerDeadline: NIODeadline?

  init(call: any GRPCServerCall, context: StreamsContext, access: TailAccess) {
    self.call = call
    self.context = context
    self.access = access
    eventLoop = call.eventLoop
  }

  // MARK: The client

  func receive(_ message: ByteBuffer) {
    guard let call, machine == nil else { return }
    let plan: TailPlan
    do {
      plan = try TailPlan(
        Cloudstate_Streams_TailRequest(decoding: message), service: context.service,
        shardCount: context.topology.shardCount)
    } catch let invalid as TailPlan.Invalid {
      return finish(GRPCStatus(.invalidArgument, invalid.message))
    } catch {
      return finish(GRPCStatus(.invalidArgument, "the tail request cannot be decoded: \(error)"))
    }
    guard access.allows(plan.patterns, of: context.service) else {
      access.refuse(call)
      return release()
    }
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    switch context.hub.subscribe(on: eventLoop, deliver: { bound.value.woken($0) }) {
    case .admitted(let id): subscription = id
    case .full:
      return finish(
        GRPCStatus(
          .resourceExhausted,
          "this node serves as many tails as it may; ask another node, or try again later"))
    case .stopping: return finish(Self.shuttingDown)
    }
    var machine = TailMachine(
      plan: plan, settings: context.settings.tail, now: .now(), wallClock: context.wallClock())
    machine.writabilityChanged(call.isWritable)
    self.machine = machine
    call.sendHeaders(GRPCMetadata())
    goOn()
  }

  func receiveEnd() {
    if machine == nil { finish(GRPCStatus(.invalidArgument, "a tail request is needed")) }
  }

  func writabilityChanged(_ isWritable: Bool) {
    machine?.writabilityChanged(isWritable)
    goOn()
  }

  func cancelled(_ status: GRPCStatus) { release() }

  // MARK: The node

  private func woken(_ wake: TailHub.Wake) {
    guard call != nil else { return }
    switch wake {
    case .grew(let positions):
      let now = NIODeadline.now()
      for (shard, position) in positions { machine?.noticed(shard, position: position, now: now) }
      goOn()
    case .stopping:
      finish(Self.shuttingDown)
    }
  }

  /// Performs what the machine wants until the next input.
  ///
  /// An input that comes while actions are performed waits for the last of them: cursors must not go out
  /// before the events that they count.
  private func goOn() {
    guard !isPerforming else {
      mustGoOn = true
      return
    }
    isPerforming = true
    repeat {
      mustGoOn = false
      for action in machine?.actions(now: .now()) ?? [] { perform(action) }
    } while mustGoOn
    isPerforming = false
    if machine != nil { arrangeTimer() }
  }

  private func perform(_ action: TailMachine.Action) {
    switch action {
    case .look(let shard, let lookup): look(shard, lookup)
    case .send(let match): send(.init(match, json: context.json(match)))
    case .progress(let cursors, let caughtUp): send(.init(cursors, caughtUp: caughtUp))
    case .notice(let text): send(.init(notice: text))
    case .finish(let status): finish(status)
    }
  }

  private func look(_ shard: UInt32, _ lookup: TailMachine.Lookup) {
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    let id = ShardID(service: context.service, index: shard)
    let onPosition: @Sendable (Result<Position, StreamReadFailure>) -> Void = { result in
      bound.value.machine?.answered(shard, position: result, now: .now())
      bound.value.goOn()
    }
    switch lookup {
    case .read(let after, let byteLimit):
      context.reader.read(id, after: after, byteLimit: byteLimit, on: eventLoop) { result in
        bound.value.machine?.answered(shard, page: result, now: .now())
        bound.value.goOn()
      }
    case .lastPosition:
      context.reader.lastPosition(of: id, on: eventLoop, completion: onPosition)
    case .poll: context.polls.lastPosition(of: id, on: eventLoop, completion: onPosition)
    case .locate(let since):
      context.reader.locate(id, since: since, on: eventLoop, completion: onPosition)
    }
  }

  private func send(_ response: Cloudstate_Streams_TailResponse) {
    call?.send(response.encoded)
  }

  // MARK: Time and end

  private func arrangeTimer() {
    guard call != nil, let wake = machine?.nextWake else {
      timer?.cancel()
      timer = nil
      timerDeadline = nil
      return
    }
    if let timerDeadline, timerDeadline <= wake { return }
    timer?.cancel()
    timerDeadline = wake
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    timer = eventLoop.scheduleTask(deadline: wake) {
      bound.value.timerDeadline = nil
      bound.value.goOn()
    }
  }

  private func finish(_ status: GRPCStatus) {
    call?.finish(status)
    release()
  }

  private func release() {
    call = nil
    machine = nil
    timer?.cancel()
    timer = nil
    if let subscription { context.hub.unsubscribe(subscription) }
    subscription = nil
  }
}
