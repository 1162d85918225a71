import CloudstateModel

/// The primaries of shards of equal load, as a cheapest flow from shards to nodes.
///
/// Each node takes its quota. To stay costs nothing; a move costs more than all differences between moves together,
/// so the number of moves is the least there is, and among equal numbers a move to an in-sync replica is preferred to
/// one to a replica that must catch up, and that to one to any other node. What must move of a node are its smallest
/// shards, where the choice is free.
struct PrimaryPlacement {
  /// For each shard of the table the place of its wanted primary; `nil` for a shard that is left as it is.
  let places: [Int?]

  init(_ table: PlanningTable) {
    let movable = table.shards.indices.filter { !table.shards[$0].isFixed }
    let quotas = Quotas(
      total: movable.count, capacities: table.capacities,
      held: [Int](repeating: 0, count: table.nodes.count))
    let move = movable.count * 2 + 3

    // Vertices: the shards, the nodes, then these four.
    let firstNode = movable.count
    let anyNode = firstNode + table.nodes.count
    let (extras, source, sink) = (anyNode + 1, anyNode + 2, anyNode + 3)
    var network = MinimumCostFlow(
      vertices: sink + 1, expectedEdges: movable.count * 5 + table.nodes.count * 3)
    // Shards that come first keep their places first: the large ones.
    let bySize = movable.indices.sorted { left, right in
      let (one, other) = (table.shards[movable[left]], table.shards[movable[right]])
      return (other.bytes, one.id) < (one.bytes, other.id)
    }
    for vertex in bySize { network.addEdge(from: source, to: vertex, capacity: 1) }
    var choices: [[(edge: Int, place: Int)]] = []
    var openChoices: [Int] = []
    for (vertex, index) in movable.enumerated() {
      let shard = table.shards[index]
      var known: [(edge: Int, place: Int)] = []
      func choose(_ place: Int, cost: Int) {
        let edge = network.addEdge(
          from: vertex, to: firstNode + place, capacity: 1, cost: cost)
        known.append((edge, place))
      }
      if let place = shard.place { choose(place, cost: 0) }
      for replica in shard.replicas {
        guard let place = table.places[replica] else { continue }
        choose(place, cost: shard.inSync.contains(replica) ? move : move + 1)
      }
      choices.append(known)
      openChoices.append(
        network.addEdge(from: vertex, to: anyNode, capacity: 1, cost: move + 2))
    }
    let anyNodeEdges = table.nodes.indices.map { place in
      network.addEdge(from: anyNode, to: firstNode + place, capacity: movable.count)
    }
    for place in table.nodes.indices {
      network.addEdge(from: firstNode + place, to: sink, capacity: quotas.base[place])
      if quotas.mayHaveExtra[place] {
        network.addEdge(from: firstNode + place, to: extras, capacity: 1)
      }
    }
    network.addEdge(from: extras, to: sink, capacity: quotas.extras)
    _ = network.run(from: source, to: sink)

    var places = [Int?](repeating: nil, count: table.shards.count)
    var open = anyNodeEdges.map { network.flow(through: $0) }
    var next = 0
    for (vertex, index) in movable.enumerated() {
      if let choice = choices[vertex].first(where: { network.flow(through: $0.edge) > 0 }) {
        places[index] = choice.place
      } else if network.flow(through: openChoices[vertex]) > 0 {
        // The flow says how many come to each node without a copy; which is all the same.
        while open[next] == 0, next + 1 < open.count { next += 1 }
        open[next] -= 1
        places[index] = next
      } else {
        places[index] = table.shards[index].place
      }
    }
    self.places = places
  }
}
