import ReplicatedData

/// What became of a value that several replicas changed at random, exchanging states and single deltas out
/// of order on the way.
struct History {
  var copies: [Copy]
  /// All changes ever made.
  var deltas: [ReplicatedValue] = []
  /// States and merged deltas from on the way.
  var samples: [ReplicatedValue] = []

  /// The least value that has all changes.
  var final: ReplicatedValue {
    copies.map(\.value).reduce(ReplicatedValue(copies[0].value.kind)) { $0.merging($1) }
  }

  init(_ kind: ReplicatedKind, replicas: Int = 3, steps: Int, _ random: inout ChangeSource) throws {
    copies = try ReplicatedDataTests.copies(kind, replicas)
    for step in 0..<steps {
      let index = random.below(replicas)
      copies[index].now = Int64(1000 + step + random.below(10))
      switch random.below(10) {
      case 0..<6:
        let held = copies[index].plain()
        deltas.append(try copies[index].apply(random.change(of: kind, holding: held)))
      case 6..<8 where !deltas.isEmpty:
        copies[index].value.merge(random.pick(deltas))
      default:
        copies[index].merge(copies[random.below(replicas)])
      }
      if random.chance(30) { samples.append(copies[index].value) }
    }
    for _ in 0..<5 where !deltas.isEmpty {
      samples.append(random.pick(deltas).merging(random.pick(deltas)))
    }
  }
}
