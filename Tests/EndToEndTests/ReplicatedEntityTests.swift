import Foundation
import TestSupport
import Testing

/// Replicated entities of every type on three nodes, changed on all of them while one node is paused and another
/// one is killed and restarted.
@Suite(.serialized) struct ReplicatedEntityTests {
  @Test("Copies of every type converge to what the law predicts", .timeLimit(.minutes(4)))
  func convergence() async throws {
    var random = SeededGenerator(seed: testSeed("replicated convergence"))
    let cluster = try await TestCluster(nodes: 3, function: .model, shards: 8)
    let load = ReplicatedLoad(cluster: cluster)

    // Everyone is there, so every consistency can be reached.
    for node in 0..<3 {
      let answered = try await load.run(
        at: node, load.lines(count: 60, consistencies: ["LOCAL", "MAJORITY", "ALL"], &random))
      #expect(answered == 60, "all nodes were there")
    }

    // One node does not move; of the two others one is killed under load. Both of them are a majority.
    try await cluster.pause(cluster.nodes[2])
    // An element that is new: a flag that is on already needs nobody to confirm it.
    let change = load.lines(count: 100, consistencies: ["ALL"], &random).first {
      $0.contains(#""gset""#)
    }
    let unconfirmed = try await load.run(at: 0, [try #require(change)])
    #expect(unconfirmed == 0, "a paused node cannot have confirmed")
    let survivor = try load.start(
      at: 0, load.lines(count: 150, consistencies: ["LOCAL", "MAJORITY"], &random))
    let victim = try load.start(
      at: 1, load.lines(count: 150, consistencies: ["LOCAL", "MAJORITY"], &random))
    try await eventually("the victim has answered something", within: .seconds(30)) {
      try load.reportedCount(victim) > 20
    }
    try await cluster.killSidecar(cluster.nodes[1])
    // Not awaited until ready: that takes a plan, and the coordinator may still wait for the paused node.
    try cluster.startSidecar(cluster.nodes[1])
    cluster.resume(cluster.nodes[2])
    try await cluster.waitUntilReady(cluster.nodes[1])
    try await load.finish(survivor)
    try await load.finish(victim)

    for node in 0..<3 {
      let answered = try await load.run(
        at: node, load.lines(count: 30, consistencies: ["LOCAL"], &random))
      #expect(answered == 30, "all nodes are back")
    }
    // Votes are absolute, so the last ones of all nodes say what the outcome must be.
    for (node, isYes) in [(0, true), (1, false), (2, true)] {
      try await load.vote(isYes, at: node)
    }

    let expectation = try load.expectation()
    for kind in ReplicatedLoad.kinds {
      var seen: [String] = []
      try await eventually("all nodes agree on \(kind)", within: .seconds(30)) {
        seen = []
        for node in 0..<3 { seen.append(try await load.state(kind, at: node)) }
        return Set(seen).count == 1
      }
      let problem = try expectation.problem(of: kind, state: seen[0])
      #expect(problem == nil, "\(kind): \(problem ?? "") in \(seen[0])")
    }
  }

  @Test("A copy survives the end of all nodes, and deletion does too")
  func restart() async throws {
    let cluster = try await TestCluster(nodes: 2, function: .model, shards: 8)
    let load = ReplicatedLoad(cluster: cluster)
    try await load.send(#"{"id":"GSet-kept","actions":[{"update":{"gset":{"add":"a"}}}]}"#, at: 0)
    try await load.send(#"{"id":"Flag-gone","actions":[{"update":{"flag":{}}}]}"#, at: 0)
    try await load.send(#"{"id":"Flag-gone","actions":[{"delete":{}}]}"#, at: 0)
    try await eventually("the other node knows of the deletion", within: .seconds(20)) {
      try await load.fails(#"{"id":"Flag-gone"}"#, at: 1, with: "Entity deleted")
    }
    for node in cluster.nodes { try await cluster.killSidecar(node) }
    for node in cluster.nodes { try cluster.startSidecar(node) }
    for node in cluster.nodes { try await cluster.waitUntilReady(node) }
    for node in 0..<2 {
      try await eventually("node \(node) has the set", within: .seconds(20)) {
        try await load.stateText(#"{"id":"GSet-kept"}"#, at: node)
          == #"{"gset":{"elements":["a"]}}"#
      }
      #expect(try await load.fails(#"{"id":"Flag-gone"}"#, at: node, with: "Entity deleted"))
    }
  }
}
