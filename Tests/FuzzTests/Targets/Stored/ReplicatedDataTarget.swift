@testable import ReplicatedData

extension FuzzTarget {
  /// Replicated data as other nodes and the store hold it: two states, the first with its length before it.
  static let replicatedData = FuzzTarget("replicated-data") { input in
    var input = input
    let first = input.bytes(Int(input.short()))
    let second = input.rest()
    let left = try read(first)
    let right = try read(second)
    guard let left, let right else { return }
    try demandEqual(left.merging(left), left, "a state merged with itself")
    // Two states that were made up may contradict each other; then only the merge is not lost.
    let merged = left.merging(right)
    _ = merged.encoded()
    guard case .live(let value) = merged, let replica = ReplicaID("n1") else { return }
    _ = value.functionValue(in: Electorate(replica: replica, members: [replica]))
  }

  /// The form is canonical: what is read is written with the same bytes.
  private static func read(_ bytes: [UInt8]) throws -> ReplicatedEntityState? {
    guard let state = try? ReplicatedEntityState(decoding: bytes) else { return nil }
    try demandEqual(state.encoded(), bytes, "the stored form of a state")
    return state
  }
}
