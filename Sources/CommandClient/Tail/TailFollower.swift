package import CloudstateProtocol

/// Decides which of the received events are shown, in which order, and when it is enough. A pure value
/// that lives as long as the tail, over all its connections.
package struct TailFollower: Sendable {
  package typealias Event = Cloudstate_Streams_TailedEvent

  /// What to do with a received message.
  package struct Step: Sendable {
    /// Events to show, in order.
    package var show: [Event] = []
    /// A sentence for standard error.
    package var notice: String?
    /// Enough has been shown.
    package var isDone = false
  }

  package private(set) var cursor: TailCursor
  /// Anything was received that tells where shards begin.
  package private(set) var hasBegun = false
  private var remaining: Int?
  /// The last events of all shards, held until they can be put in the order of time; `nil` when events
  /// are shown as they come.
  private var held: [Event]?
  private let holdLimit: Int
  private var progressWhileHolding = 0

  /// - Parameter limit: how many events to show; `nil` = no limit.
  package init(selection: TailSelection, limit: Int?) {
    cursor = TailCursor(complete: selection.cursors)
    remaining = limit
    if case .last(let count) = selection.start {
      held = []
      holdLimit = Int(count)
    } else {
      holdLimit = 0
    }
  }

  /// Takes one message of the server.
  package mutating func receive(_ response: Cloudstate_Streams_TailResponse) -> Step {
    var step = Step()
    switch response.message {
    case .event(let event):
      hasBegun = true
      guard cursor.accept(event) else { return step }
      if held == nil {
        show([event], in: &step)
      } else {
        held?.append(event)
        if (held?.count ?? 0) >= holdLimit { release(in: &step) }
      }
    case .progress(let progress):
      hasBegun = hasBegun || !progress.cursors.isEmpty
      cursor.accept(progress)
      // The first progress tells where the last events begin; the next one comes a while later, and
      // waiting longer for a shard that cannot be read helps nobody.
      progressWhileHolding += 1
      if progress.caughtUp || progressWhileHolding > 1 { release(in: &step) }
    case .notice(let notice):
      step.notice = notice.text
      release(in: &step)
    case nil: break
    }
    return step
  }

  /// What is still held when the server has ended the call.
  package mutating func finish() -> Step {
    var step = Step()
    release(in: &step)
    return step
  }

  private mutating func release(in step: inout Step) {
    guard let events = held else { return }
    held = nil
    show(
      events.sorted {
        ($0.timeUnixMilliseconds, $0.shard, $0.position, $0.index)
          < ($1.timeUnixMilliseconds, $1.shard, $1.position, $1.index)
      }, in: &step)
  }

  private mutating func show(_ events: [Event], in step: inout Step) {
    guard let limit = remaining else {
      step.show += events
      return
    }
    step.show += events.prefix(limit)
    remaining = max(0, limit - events.count)
    step.isDone = remaining == 0
  }
}
