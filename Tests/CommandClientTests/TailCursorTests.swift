import CloudstateProtocol
import CommandClient
import TestSupport
import Testing

@Suite struct TailCursorTests {
  private func event(
    _ shard: UInt32, _ position: UInt64, _ index: UInt32, last: Bool
  ) -> Cloudstate_Streams_TailedEvent {
    var event = Cloudstate_Streams_TailedEvent()
    event.shard = shard
    event.position = position
    event.index = index
    event.lastOfBatch = last
    return event
  }

  private func progress(_ cursors: (UInt32, UInt64)...) -> Cloudstate_Streams_TailProgress {
    var progress = Cloudstate_Streams_TailProgress()
    progress.cursors = cursors.map { shard, position in
      var cursor = Cloudstate_Streams_ShardCursor()
      cursor.shard = shard
      cursor.position = position
      return cursor
    }
    return progress
  }

  @Test("A batch that was cut is asked for again, and what was seen of it is not shown twice")
  func cutBatch() {
    var cursor = TailCursor()
    #expect(cursor.accept(event(1, 5, 0, last: false)) == true)
    #expect(cursor.complete == [1: 4])
    #expect(cursor.cursors.map(\.position) == [4])
    // A new connection: the batch comes again from its beginning.
    #expect(cursor.accept(event(1, 5, 0, last: false)) == false)
    #expect(cursor.accept(event(1, 5, 2, last: true)) == true)
    #expect(cursor.complete == [1: 5])
    #expect(cursor.accept(event(1, 5, 2, last: true)) == false)
    #expect(cursor.accept(event(1, 6, 0, last: true)) == true)
    #expect(cursor.accept(event(2, 1, 0, last: true)) == true)
  }

  @Test("The end of a batch counts even when its last event was seen before")
  func seenEnd() {
    var cursor = TailCursor()
    #expect(cursor.accept(event(0, 3, 1, last: false)) == true)
    #expect(cursor.accept(event(0, 3, 1, last: true)) == false)
    #expect(cursor.complete == [0: 3])
  }

  @Test("Progress moves forwards only")
  func progress() {
    var cursor = TailCursor(complete: [0: 10])
    cursor.accept(progress((0, 4), (1, 0)))
    #expect(cursor.complete == [0: 10, 1: 0])
    cursor.accept(progress((0, 12)))
    #expect(cursor.complete == [0: 12, 1: 0])
    #expect(cursor.accept(event(0, 12, 0, last: true)) == false)
  }

  @Test("However often and wherever the stream is cut, each event is taken once, in order")
  func randomCuts() {
    let seed = testSeed("tail cursor")
    var random = SeededGenerator(seed: seed)
    for _ in 0..<80 {
      var stream: [Cloudstate_Streams_TailedEvent] = []
      for position in UInt64(1)...12 {
        let indices = (UInt32(0)..<4).filter { _ in Bool.random(using: &random) }
        for index in indices {
          stream.append(event(0, position, index, last: index == indices.last))
        }
      }
      var cursor = TailCursor()
      var taken: [String] = []
      for connection in 0..<6 {
        let begin = cursor.complete[0] ?? 0
        let rest = stream.filter { $0.position > begin }
        let length = connection == 5 ? rest.count : Int.random(in: 0...rest.count, using: &random)
        for event in rest.prefix(length) where cursor.accept(event) {
          taken.append("\(event.position)/\(event.index)")
        }
      }
      #expect(taken == stream.map { "\($0.position)/\($0.index)" }, "seed \(seed)")
    }
  }
}
