/// Checks what clients saw of one entity against its list as it is in the end.
///
/// The entity is a list to which each `append` adds a number of its own, and of which `read` tells length and hash.
/// The list in the end says in which order the appends took effect, and each answer says of which beginning of it
/// it was given. So the only order that can explain the history is known, and no search is needed:
///
/// give the append that made the list `n` long the place `(n, 0)`, and a read of a list of length `n` the place
/// `(n, 1)`. The history is linearizable if and only if each answer matches the list, and no operation that was
/// called after another one's answer has a lower place. *Only if*: an order that explains the answers must follow the
/// places, because appends take effect in the order of the list and a read between the append that made its
/// length and the next one. *If*: sort by place; operations of equal place are reads of the same list, which may be
/// sorted by their calls. Suppose that order and the order of real time had a cycle. No step of it leads to a lower
/// place, so all places in it are the same, so all are reads of the same list, related by real time alone, which
/// has no cycles.
///
/// Appends of unknown outcome took effect if they are in the list, at any time after their call; the others never
/// did. Reads of unknown outcome say nothing.
package struct EntityChecker {
  private struct Place: Comparable {
    let count: UInt64
    let isRead: Bool

    static func < (left: Self, right: Self) -> Bool {
      left.count != right.count ? left.count < right.count : !left.isRead && right.isRead
    }
  }

  private struct Placed {
    let operation: Operation
    let place: Place
  }

  private let entity: String
  private let list: [UInt64]
  /// The state of the list by its length.
  private let states: [ListState]

  /// - Parameter list: the numbers in the entity's list when all is at rest.
  package init(entity: String, list: [UInt64]) {
    self.entity = entity
    self.list = list
    var states = [ListState()]
    states.reserveCapacity(list.count + 1)
    var state = ListState()
    for number in list {
      state.append(number)
      states.append(state)
    }
    self.states = states
  }

  /// - Parameter operations: all of the entity, in any order.
  package func violations(of operations: [Operation]) -> [Violation] {
    var violations: [Violation] = []
    let indexes = place(&violations)
    var appends: [UInt64: Operation] = [:]
    var placed: [Placed] = []
    for operation in operations.sorted(by: { $0.number < $1.number }) {
      if operation.kind == .append { appends[operation.number] = operation }
      switch check(operation, index: indexes[operation.number]) {
      case .success(let place):
        if let place { placed.append(Placed(operation: operation, place: place)) }
      case .failure(let failure): violations.append(failure.violation)
      }
    }
    for number in list where appends[number] == nil {
      violations.append(Violation(.once, "\(entity) holds \(number), which nobody added"))
    }
    if let violation = realTimeViolation(placed) { violations.append(violation) }
    return violations
  }

  private struct Failure: Error { let violation: Violation }

  /// Where each number stands in the list.
  private func place(_ violations: inout [Violation]) -> [UInt64: Int] {
    var indexes: [UInt64: Int] = [:]
    for (index, number) in list.enumerated() {
      if let first = indexes[number] {
        violations.append(
          Violation(.once, "\(entity) holds \(number) twice, at \(first + 1) and \(index + 1)"))
      } else {
        indexes[number] = index
      }
    }
    return indexes
  }

  /// The operation's place in the order of effects; `nil` if it has none.
  private func check(_ operation: Operation, index: Int?) -> Result<Place?, Failure> {
    func fail(_ property: Property, _ text: String) -> Result<Place?, Failure> {
      .failure(Failure(violation: Violation(property, text)))
    }
    let number = operation.number
    switch (operation.kind, operation.outcome) {
    case (.append, .ok(let state)):
      guard let index else {
        return fail(
          .durable, "\(entity): \(number) was acknowledged at length \(state.count) and is gone")
      }
      guard states[index + 1] == state else {
        return fail(
          .linearizable,
          "\(entity): \(number) was answered with length \(state.count) of a list that is not this one's "
            + "beginning; it is at \(index + 1)")
      }
      return .success(Place(count: state.count, isRead: false))
    case (.append, .failed):
      if let index {
        return fail(
          .once, "\(entity): \(number) was refused as not done, and is at \(index + 1)")
      }
      return .success(nil)
    case (.append, .unknown):
      return .success(index.map { Place(count: UInt64($0 + 1), isRead: false) })
    case (.read, .ok(let state)):
      guard state.count < UInt64(states.count), states[Int(state.count)] == state else {
        return fail(
          .durable,
          "\(entity): read \(number) saw \(state.count) elements that are not the list's beginning: something it "
            + "saw is gone")
      }
      return .success(Place(count: state.count, isRead: true))
    case (.read, .failed), (.read, .unknown): return .success(nil)
    }
  }

  /// An operation that was called after the answer of one with a higher place.
  private func realTimeViolation(_ placed: [Placed]) -> Violation? {
    let calls = placed.sorted { $0.operation.invokedAt < $1.operation.invokedAt }
    let answers = placed.compactMap { item -> (time: UInt64, item: Placed)? in
      // An unknown outcome was no answer.
      guard case .ok = item.operation.outcome, let time = item.operation.completedAt else {
        return nil
      }
      return (time, item)
    }.sorted { $0.time < $1.time }
    var highest: Placed?
    var next = 0
    for call in calls {
      while next < answers.count, answers[next].time < call.operation.invokedAt {
        if highest.map({ $0.place < answers[next].item.place }) ?? true {
          highest = answers[next].item
        }
        next += 1
      }
      if let highest, call.place < highest.place {
        return Violation(
          .linearizable,
          "\(entity): \(call.operation.kind) \(call.operation.number) took effect at length "
            + "\(call.place.count), though \(highest.operation.kind) \(highest.operation.number) had been "
            + "answered with length \(highest.place.count) before it was called")
      }
    }
    return nil
  }
}
