import CloudstateModel
import ReplicatedData
import ShardStore
import Testing

@testable import Replication

@Suite("What a whole copy replaces")
struct CopyWritingTests {
  private let copy = ReplicaCopy(entity: entity("x"))

  init() { copy.state = .live(ReplicatedValue(.flag)) }

  private func writeDeltas(_ count: Int) -> [ReplicaWrite.Change] {
    (0..<count).map { _ in copy.write(for: [1]).change }
  }

  private func replacedBy(_ write: ReplicaWrite) -> UInt64? {
    if case .whole(_, let number) = write.change { number } else { nil }
  }

  /// Otherwise some of the old deltas stay behind with a gap before them, and the store cannot be read.
  @Test("a whole copy replaces also the deltas that a refused one was to replace")
  func refusedWhole() {
    _ = writeDeltas(5)
    #expect(replacedBy(copy.wholeWrite()) == 5)
    copy.needsWholeWrite = true
    #expect(replacedBy(copy.write(for: [1])) == 5)
    copy.wholeIsStored()
    #expect(writeDeltas(2) == [.delta([1], number: 1), .delta([1], number: 2)])
    #expect(replacedBy(copy.wholeWrite()) == 2)
  }

  @Test("deltas behind a whole copy count once it is stored")
  func deltasBehind() {
    _ = writeDeltas(3)
    _ = copy.wholeWrite()
    _ = writeDeltas(1)
    copy.wholeIsStored()
    #expect(replacedBy(copy.wholeWrite()) == 1)
  }
}
