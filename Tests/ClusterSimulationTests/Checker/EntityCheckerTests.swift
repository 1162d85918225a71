import ClusterSimulation
import Testing

@Suite("What clients saw of one entity")
struct EntityCheckerTests {
  private let entity = "e"

  private func append(
    _ number: UInt64, _ times: ClosedRange<UInt64>, sees list: [UInt64]
  ) -> Operation {
    operation(number, .append, times, .ok(ListState(list)))
  }

  private func read(
    _ number: UInt64, _ times: ClosedRange<UInt64>, sees list: [UInt64]
  ) -> Operation {
    operation(number, .read, times, .ok(ListState(list)))
  }

  private func operation(
    _ number: UInt64, _ kind: ClusterSimulation.Operation.Kind, _ times: ClosedRange<UInt64>,
    _ outcome: ClusterSimulation.Operation.Outcome
  ) -> ClusterSimulation.Operation {
    Operation(
      number: number, entity: entity, kind: kind, invokedAt: times.lowerBound,
      completedAt: times.upperBound, outcome: outcome)
  }

  private func properties(
    _ list: [UInt64], _ operations: [ClusterSimulation.Operation]
  ) -> [Property] {
    EntityChecker(entity: entity, list: list).violations(of: operations).map(\.property)
  }

  // MARK: Good histories

  @Test("Nothing breaks nothing")
  func nothing() { #expect(properties([], []).isEmpty) }

  @Test("Commands one after the other")
  func sequential() {
    #expect(
      properties(
        [1, 3],
        [
          append(1, 0...1, sees: [1]), read(2, 2...3, sees: [1]), append(3, 4...5, sees: [1, 3]),
          read(4, 6...7, sees: [1, 3]),
        ]
      ).isEmpty)
  }

  @Test("Reads beside an append may see the list before or after it, in the order of real time")
  func concurrent() {
    #expect(
      properties(
        [1], [append(1, 0...10, sees: [1]), read(2, 1...2, sees: []), read(3, 3...4, sees: [1])]
      ).isEmpty)
  }

  @Test("An append of unknown outcome may take effect late, or never")
  func unknown() {
    let lost = operation(1, .append, 0...1, .unknown)
    #expect(properties([], [lost, read(2, 5...6, sees: [])]).isEmpty)
    #expect(
      properties([1], [lost, read(2, 5...6, sees: []), read(3, 7...8, sees: [1])]).isEmpty)
  }

  @Test("A command that was refused leaves nothing")
  func refused() {
    #expect(properties([], [operation(1, .append, 0...1, .failed)]).isEmpty)
  }

  // MARK: Bad histories

  @Test("An acknowledged append that is gone")
  func lost() {
    #expect(properties([], [append(1, 0...1, sees: [1])]) == [.durable])
  }

  @Test("A read of something that is gone")
  func lostRead() {
    let ghost = operation(1, .append, 0...1, .unknown)
    #expect(properties([], [ghost, read(2, 2...3, sees: [1])]) == [.durable])
  }

  @Test("A stale read")
  func stale() {
    #expect(
      properties([1], [append(1, 0...1, sees: [1]), read(2, 2...3, sees: [])]) == [.linearizable])
  }

  @Test("Two reads beside an append that see it come and go")
  func flicker() {
    #expect(
      properties(
        [1], [append(1, 0...10, sees: [1]), read(2, 1...2, sees: [1]), read(3, 3...4, sees: [])])
        == [.linearizable])
  }

  @Test("Appends against the order of real time")
  func order() {
    #expect(
      properties([2, 1], [append(1, 0...1, sees: [2, 1]), append(2, 2...3, sees: [2])])
        == [.linearizable])
  }

  @Test("An append of unknown outcome before its own call")
  func tooEarly() {
    #expect(
      properties(
        [2, 1], [append(1, 0...1, sees: [2, 1]), operation(2, .append, 5...6, .unknown)])
        == [.linearizable])
  }

  @Test("An answer that names another list")
  func otherList() {
    #expect(
      properties(
        [1, 2],
        [
          append(1, 0...9, sees: [1]), append(2, 0...9, sees: [2]),
        ]) == [.linearizable])
  }

  @Test("An event twice")
  func twice() {
    #expect(properties([1, 1], [append(1, 0...1, sees: [1])]) == [.once])
  }

  @Test("An event that nobody sent")
  func invented() { #expect(properties([7], []) == [.once]) }

  @Test("An event of a refused command")
  func notRefused() {
    #expect(properties([1], [operation(1, .append, 0...1, .failed)]) == [.once])
  }
}
