import ReplicatedData
import TestSupport
import Testing

@Suite("A map of counters, against a list of changes")
struct ORMapModelTests {
  /// A change of the model. A change that is no removal adds to its key's counter and renews the key's
  /// presence, for which it replaces the presence that it knows. A removal undoes both.
  private struct Change {
    let key: String
    let amount: Int64
    let isRemoval: Bool
    let undoneAdditions: Set<Int>
    let undonePresence: Set<Int>
  }

  private struct Model {
    var changes: [Change] = []
    var known = [Set<Int>](repeating: [], count: 3)

    func additions(_ key: String, at index: Int) -> Set<Int> {
      effective(key, at: index, \.undoneAdditions).filter { changes[$0].amount != 0 }
    }

    func presence(_ key: String, at index: Int) -> Set<Int> {
      effective(key, at: index, \.undonePresence)
    }

    private func effective(
      _ key: String, at index: Int, _ undone: KeyPath<Change, Set<Int>>
    ) -> Set<Int> {
      let gone = known[index].reduce(into: Set<Int>()) {
        $0.formUnion(changes[$1][keyPath: undone])
      }
      return known[index].subtracting(gone).filter {
        changes[$0].key == key && !changes[$0].isRemoval
      }
    }

    /// A key is there as long as an addition or a presence is.
    func value(at index: Int) -> FunctionValue {
      var entries: [DataElement: FunctionValue] = [:]
      for key in ["x", "y"] {
        let additions = additions(key, at: index)
        guard !additions.isEmpty || !presence(key, at: index).isEmpty else { continue }
        entries[element(key)] = .pncounter(additions.reduce(0) { $0 + changes[$1].amount })
      }
      return .ormap(entries)
    }
  }

  @Test("removals and additions that cross")
  func model() throws {
    var random = ChangeSource(seed: testSeed("model of ormap"))
    for _ in 0..<300 {
      var copies = try copies(.ormap, 3)
      var model = Model()
      var deltas: [ReplicatedValue] = []
      var additions = [[String: Int]](repeating: [:], count: 3)
      for _ in 0..<60 {
        let index = random.below(3)
        let key = random.chance(50) ? "x" : "y"
        // A replica that adds more often puts shares together, which the model does not do.
        if random.chance(40), additions[index][key, default: 0] < 8 {
          additions[index][key, default: 0] += 1
          let isThere = model.value(at: index).entry(key) != nil
          let isRemoval = isThere && random.chance(40)
          let amount = isRemoval ? 0 : Int64(random.below(7) - 3)
          let entry = nested(key, .pncounter(change: amount))
          let delta =
            isRemoval
            ? MapDelta(removed: [entry.key])
            : isThere ? MapDelta(updated: [entry]) : MapDelta(added: [entry])
          model.changes.append(
            Change(
              key: key, amount: amount, isRemoval: isRemoval,
              undoneAdditions: isRemoval ? model.additions(key, at: index) : [],
              undonePresence: model.presence(key, at: index)))
          model.known[index].insert(deltas.count)
          deltas.append(try copies[index].apply(.ormap(delta)))
        } else if random.chance(50), !deltas.isEmpty {
          let number = random.below(deltas.count)
          copies[index].value.merge(deltas[number])
          model.known[index].insert(number)
        } else {
          let other = random.below(3)
          copies[index].merge(copies[other])
          model.known[index].formUnion(model.known[other])
        }
        #expect(copies[index].plain() == model.value(at: index))
      }
    }
  }
}

extension FunctionValue {
  fileprivate func entry(_ key: String) -> FunctionValue? {
    guard case .ormap(let entries) = self else { return nil }
    return entries[element(key)]
  }
}
