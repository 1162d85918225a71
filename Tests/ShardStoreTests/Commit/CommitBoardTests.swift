import CloudstateModel
import Testing

@testable import ShardStore

/// How what is not in files yet is divided among shards.
struct CommitBoardTests {
  private let board = CommitBoard()
  private let (one, other): (ShardID, ShardID)

  init() throws { (one, other) = (try shard(0), try shard(1)) }

  @Test("While nothing is in files, each shard has what was written to it")
  func exact() {
    board.show([:], bytes: [one: 200, other: 100])
    board.show([:], bytes: [one: 100])
    #expect(board.unflushedBytes(of: one, ofBuffered: 5000) == 300)
    #expect(board.unflushedBytes(of: other, ofBuffered: 5000) == 100)
  }

  @Test("What is left outside files is divided as what was written")
  func divided() {
    board.show([:], bytes: [one: 300, other: 100])
    #expect(board.unflushedBytes(of: one, ofBuffered: 200) == 150)
    #expect(board.unflushedBytes(of: other, ofBuffered: 200) == 50)
    #expect(board.unflushedBytes(of: one, ofBuffered: 0) == 0)
  }

  @Test("A deleted copy has what was written to the next one")
  func deleted() {
    board.show([:], bytes: [one: 300, other: 100])
    board.show([:], deleted: [one])
    #expect(board.unflushedBytes(of: one, ofBuffered: 5000) == 0)
    board.show([:], bytes: [one: 10])
    board.show([:], deleted: [one], bytes: [one: 50])
    #expect(board.unflushedBytes(of: one, ofBuffered: 5000) == 50)
    #expect(board.unflushedBytes(of: other, ofBuffered: 5000) == 100)
  }

  @Test("What was written long ago counts little")
  func forgotten() {
    board.show([:], bytes: [one: 1_000_000])
    #expect(board.unflushedBytes(of: one, ofBuffered: 1000) == 1000)
    board.show([:], bytes: [other: 9000])
    #expect((8000...9000).contains(board.unflushedBytes(of: other, ofBuffered: 10_000)))
  }
}
