import CloudstateModel
import Testing

@testable import CloudstateNode

/// Commands that wait for an owner, step by step. Times are in milliseconds.
struct HeldCommandsTests {
  /// Drives ``HeldCommands`` and writes its actions down as short texts.
  private struct Trace {
    var held: HeldCommands<String>
    var now: UInt64 = 0
    private var actions: [HeldCommands<String>.Action] = []

    init(maximumHeld: Int = 100) {
      var settings = HeldCommands<String>.Settings()
      settings.maximumHeld = maximumHeld
      settings.firstDelay = 5
      settings.maximumDelay = 25
      settings.patience = 20
      held = HeldCommands(settings)
    }

    /// Commands are named by when they came.
    private func entry(_ arrival: UInt64, until: UInt64) -> HeldCommands<String>.Entry {
      HeldCommands<String>.Entry("\(arrival)", arrival: arrival, until: until)
    }

    private let reason = CommandError(.shardUnavailable, "away")

    mutating func joins(_ arrival: UInt64, shard: UInt32 = 0, until: UInt64 = 1000) -> Bool {
      held.join(entry(arrival, until: until), shard: shard, into: &actions)
    }

    mutating func refused(
      _ arrival: UInt64, shard: UInt32 = 0, until: UInt64 = 1000, ownerChanged: Bool = false
    ) {
      held.refused(
        entry(arrival, until: until), of: shard, because: reason, ownerChanged: ownerChanged,
        now: now, into: &actions)
    }

    mutating func probeRefused(
      _ arrival: UInt64, until: UInt64 = 1000, ownerChanged: Bool = false
    ) {
      held.probeRefused(
        entry(arrival, until: until), of: 0, because: reason, ownerChanged: ownerChanged,
        now: now, into: &actions)
    }

    mutating func probeTaken(_ arrival: UInt64) {
      held.probeTaken(entry(arrival, until: 1000), of: 0, now: now, into: &actions)
    }

    mutating func released(_ number: Int) { held.released(number, of: 0, now: now, into: &actions) }
    mutating func changed(_ shard: UInt32 = 0) { held.changed(shard, now: now, into: &actions) }

    mutating func woke(at time: UInt64) {
      now = time
      held.woke(0, now: now, into: &actions)
    }

    mutating func expect(
      _ expected: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) {
      let actual = actions.map { action in
        switch action {
        case .probe(let entry): "probe \(entry.command)"
        case .release(let entries):
          "release \(entries.map(\.command).joined(separator: ","))"
        case .fail(let command, let error): "fail \(command) \(error.message)"
        case .wake(let time): "wake \(time)"
        }
      }
      actions.removeAll()
      #expect(actual == expected, sourceLocation: sourceLocation)
    }

    mutating func expectJoin(
      _ arrival: UInt64, _ isTaken: Bool = true, sourceLocation: SourceLocation = #_sourceLocation
    ) {
      let taken = joins(arrival)
      #expect(taken == isTaken, sourceLocation: sourceLocation)
    }
  }

  @Test("Without held commands nobody is kept")
  func empty() {
    var trace = Trace()
    trace.expectJoin(1, false)
    #expect(trace.held.isEmpty)
    trace.changed()
    trace.woke(at: 100)
    trace.expect([])
  }

  @Test("A refused command is tried again after a while, and the others when it was taken")
  func retried() {
    var trace = Trace()
    trace.refused(1)
    trace.expectJoin(2)
    trace.refused(3, shard: 1)
    trace.expect(["wake 5", "wake 5"])
    #expect(trace.held.count == 3)
    trace.woke(at: 4)
    trace.expect([])
    trace.woke(at: 5)
    trace.expect(["wake 25", "probe 1"])
    trace.expectJoin(4)
    trace.probeTaken(1)
    trace.expect(["release 2,4"])
    trace.released(2)
    trace.expectJoin(5, false)
    trace.expect([])
    #expect(trace.held.count == 1)
  }

  @Test("Waits double up to the longest, and begin anew with a change")
  func delays() {
    var trace = Trace()
    trace.refused(1)
    trace.expect(["wake 5"])
    for (now, next) in [(5, 15), (15, 35), (35, 60), (60, 85)] as [(UInt64, UInt64)] {
      trace.woke(at: now)
      trace.expect(["wake \(now + 20)", "probe 1"])
      trace.probeRefused(1)
      trace.expect(["wake \(next)"])
    }
    trace.now = 70
    trace.changed(1)
    trace.expect([])
    trace.changed()
    trace.expect(["wake 90", "probe 1"])
    trace.probeRefused(1)
    trace.expect(["wake 75"])
  }

  @Test("A command that was refused by a former owner goes to the new one at once")
  func ownerChanged() {
    var trace = Trace()
    trace.refused(1, ownerChanged: true)
    trace.expect(["wake 5", "wake 20", "probe 1"])
    trace.probeRefused(1, ownerChanged: true)
    trace.expect(["wake 20", "probe 1"])
    trace.probeRefused(1)
    trace.expect(["wake 5"])
  }

  @Test("Commands stand in the order in which they came, however late their refusals come")
  func order() {
    var trace = Trace()
    trace.refused(3)
    trace.expectJoin(7)
    trace.refused(5)
    trace.refused(1)
    trace.woke(at: 5)
    trace.probeTaken(1)
    trace.expect(["wake 5", "wake 25", "probe 1", "release 3,5,7"])
  }

  @Test("An owner that takes its time with the first command gets the others after a moment")
  func patience() {
    var trace = Trace()
    trace.refused(1)
    trace.expectJoin(2)
    trace.woke(at: 5)
    trace.woke(at: 24)
    trace.expect(["wake 5", "wake 25", "probe 1"])
    trace.woke(at: 25)
    trace.expect(["release 2"])
    // A refusal after all.
    trace.probeRefused(1)
    trace.released(1)
    trace.expect(["wake 35"])
    #expect(trace.held.count == 1)
    trace.probeTaken(9)
    trace.woke(at: 35)
    trace.expect(["wake 55", "probe 1"])
  }

  @Test("What comes while others are being sent is sent behind them, what is refused waits")
  func releasing() {
    var trace = Trace()
    trace.refused(1)
    for arrival in 2...4 { trace.expectJoin(UInt64(arrival)) }
    trace.woke(at: 5)
    trace.probeTaken(1)
    trace.expect(["wake 5", "wake 25", "probe 1", "release 2,3,4"])
    trace.released(1)
    trace.expectJoin(5)
    trace.expect([])
    trace.released(2)
    trace.expect(["release 5"])
    trace.refused(3)
    trace.expectJoin(6)
    trace.released(1)
    trace.expect(["wake 15"])
    trace.woke(at: 15)
    trace.expect(["wake 35", "probe 3"])
  }

  @Test("Commands wait no longer than they may, and learn why")
  func timeLimit() {
    var trace = Trace()
    trace.refused(1, until: 5)
    trace.expect(["fail 1 away"])
    trace.refused(2, until: 14)
    let joined = trace.joins(3, until: 9)
    #expect(joined)
    trace.expect(["wake 5"])
    trace.woke(at: 5)
    trace.expect(["fail 3 away", "wake 25", "probe 2"])
    trace.now = 10
    trace.probeRefused(2, until: 14)
    trace.expect(["fail 2 away"])
    #expect(trace.held.isEmpty)
    #expect(trace.held.count == 0)
  }

  @Test("No more commands wait than there is room for, over all shards")
  func room() {
    var trace = Trace(maximumHeld: 2)
    trace.refused(1)
    trace.refused(2, shard: 1)
    trace.expect(["wake 5", "wake 5"])
    trace.expectJoin(3)
    trace.refused(4, shard: 2)
    trace.expect(["fail 3 away", "fail 4 away"])
    trace.woke(at: 5)
    // The one that is tried keeps its place.
    trace.expectJoin(5)
    trace.expect(["wake 25", "probe 1", "fail 5 away"])
    trace.probeRefused(1)
    trace.expect(["wake 15"])
  }
}
