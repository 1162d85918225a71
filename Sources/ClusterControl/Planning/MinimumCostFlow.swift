/// The largest flow through a network at the least cost: the tool behind exact placement.
///
/// Primal-dual: the distances from the source in the residual network say which edges lie on a cheapest path; a
/// blocking flow (Dinic) fills those, and the next distances are larger. With few different costs there are few
/// rounds. Equal inputs give equal flows: among paths of equal cost, edges that were added first are filled first.
struct MinimumCostFlow {
  private static let none: Int32 = -1
  private static let unreached = Int.max / 4

  private var firstEdge: [Int32]
  private var lastEdge: [Int32]
  // One entry per direction; an edge and its reverse are neighbours.
  private var nextEdge: [Int32] = []
  private var head: [Int32] = []
  private var residual: [Int32] = []
  private var cost: [Int32] = []

  init(vertices: Int, expectedEdges: Int) {
    firstEdge = [Int32](repeating: Self.none, count: vertices)
    lastEdge = firstEdge
    nextEdge.reserveCapacity(expectedEdges * 2)
    head.reserveCapacity(expectedEdges * 2)
    residual.reserveCapacity(expectedEdges * 2)
    cost.reserveCapacity(expectedEdges * 2)
  }

  /// Adds an edge and answers its number.
  ///
  /// - Parameter cost: of one unit; not negative, small enough that the cost of a path fits.
  @discardableResult
  mutating func addEdge(from tail: Int, to target: Int, capacity: Int, cost edgeCost: Int = 0)
    -> Int
  {
    let number = head.count
    append(from: tail, to: target, capacity: capacity, cost: edgeCost)
    append(from: target, to: tail, capacity: 0, cost: -edgeCost)
    return number
  }

  /// What flows through the edge.
  func flow(through edge: Int) -> Int { Int(residual[edge ^ 1]) }

  /// Pushes as much as can be from `source` to `sink` and answers how much that is. To be called once.
  mutating func run(from source: Int, to sink: Int) -> Int {
    var total = 0
    while true {
      let distances = distances(from: source)
      guard distances[sink] < Self.unreached else { return total }
      while true {
        let levels = levels(from: source, distances: distances)
        guard levels[sink] >= 0 else { break }
        total += pushBlockingFlow(from: source, to: sink, levels: levels, distances: distances)
      }
    }
  }

  private mutating func append(from tail: Int, to target: Int, capacity: Int, cost edgeCost: Int) {
    let number = Int32(head.count)
    head.append(Int32(target))
    residual.append(Int32(capacity))
    cost.append(Int32(edgeCost))
    nextEdge.append(Self.none)
    let last = lastEdge[tail]
    if last == Self.none { firstEdge[tail] = number } else { nextEdge[Int(last)] = number }
    lastEdge[tail] = number
  }

  /// Bellman-Ford with a queue: residual edges may have negative costs, but there is no negative cycle, because
  /// every flow on the way is a cheapest one of its size.
  private func distances(from source: Int) -> [Int] {
    var distances = [Int](repeating: Self.unreached, count: firstEdge.count)
    var isQueued = [Bool](repeating: false, count: firstEdge.count)
    var queue = [Int32(source)]
    var next: [Int32] = []
    distances[source] = 0
    while !queue.isEmpty {
      for entry in queue {
        let vertex = Int(entry)
        isQueued[vertex] = false
        var edge = firstEdge[vertex]
        while edge != Self.none {
          let target = Int(head[Int(edge)])
          let distance = distances[vertex] + Int(cost[Int(edge)])
          if residual[Int(edge)] > 0, distance < distances[target] {
            distances[target] = distance
            if !isQueued[target] {
              isQueued[target] = true
              next.append(Int32(target))
            }
          }
          edge = nextEdge[Int(edge)]
        }
      }
      queue.removeAll(keepingCapacity: true)
      swap(&queue, &next)
    }
    return distances
  }

  /// Numbers of edges from the source along cheapest paths; -1 where none leads.
  private func levels(from source: Int, distances: [Int]) -> [Int32] {
    var levels = [Int32](repeating: -1, count: firstEdge.count)
    var queue = [Int32(source)]
    levels[source] = 0
    var position = 0
    while position < queue.count {
      let vertex = Int(queue[position])
      position += 1
      var edge = firstEdge[vertex]
      while edge != Self.none {
        let target = Int(head[Int(edge)])
        if residual[Int(edge)] > 0, levels[target] < 0,
          distances[vertex] + Int(cost[Int(edge)]) == distances[target]
        {
          levels[target] = levels[vertex] + 1
          queue.append(Int32(target))
        }
        edge = nextEdge[Int(edge)]
      }
    }
    return levels
  }

  /// Depth first with a list instead of recursion, because paths may be long.
  private mutating func pushBlockingFlow(
    from source: Int, to sink: Int, levels: [Int32], distances: [Int]
  ) -> Int {
    var nextToTry = firstEdge
    var path: [Int32] = []
    var vertex = source
    var total = 0
    while true {
      if vertex == sink {
        let amount = path.reduce(Int32.max) { min($0, residual[Int($1)]) }
        for edge in path {
          residual[Int(edge)] -= amount
          residual[Int(edge) ^ 1] += amount
        }
        total += Int(amount)
        path.removeAll(keepingCapacity: true)
        vertex = source
        continue
      }
      let edge = nextToTry[vertex]
      if edge == Self.none {
        // A dead end: back, and past the edge that led here.
        guard let back = path.popLast() else { return total }
        vertex = Int(head[Int(back) ^ 1])
        nextToTry[vertex] = nextEdge[Int(nextToTry[vertex])]
        continue
      }
      let target = Int(head[Int(edge)])
      if residual[Int(edge)] > 0, levels[target] == levels[vertex] + 1,
        distances[vertex] + Int(cost[Int(edge)]) == distances[target]
      {
        path.append(edge)
        vertex = target
      } else {
        nextToTry[vertex] = nextEdge[Int(edge)]
      }
    }
  }
}
