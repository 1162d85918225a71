import Backup
import CloudstateModel
import CloudstateProtocol
import CommandLineKit
import NIOCore
import ReplicatedData
import ShardStore
import SwiftProtobuf

// The replicated entities of a backup: every node has a copy of all, and what all copies come to is kept.
extension BackupRun {
  /// A divisor of ``ReplicaBucket/count``. More ask less often, and need more memory.
  private static let bucketsAtOnce: UInt32 = 32

  func fetchReplicas(
    _ description: Cloudstate_Admin_DataDescription, into folder: BackupFolder,
    _ meter: BackupMeter, _ caller: ServerCaller
  ) async throws -> BackupManifest.Replicas {
    let backup = ReplicaBackup(in: folder)
    guard description.types.contains(where: { $0.kind == "crdt" }) else {
      return try backup.finish()
    }
    let nodes = description.nodes.filter { $0.liveness != "down" }.map(\.nodeID)
    for node in description.nodes where node.liveness == "down" {
      console.warning(
        "node \(node.nodeID) is down; changes of replicated entities that only it knows are left out"
      )
    }
    for bucket in stride(from: 0, to: ReplicaBucket.count, by: Int(Self.bucketsAtOnce)) {
      // A part of them, of all nodes, is in memory at a time.
      var merged: [EntityKey: ReplicatedEntityState] = [:]
      for node in nodes { try await collect(bucket, of: node, into: &merged, meter, caller) }
      for entity in merged.keys.sorted(by: { "\($0)" < "\($1)" }) {
        if let state = merged[entity] { try backup.append(state, of: entity) }
      }
    }
    return try backup.finish()
  }

  private func collect(
    _ bucket: UInt32, of node: String, into merged: inout [EntityKey: ReplicatedEntityState],
    _ meter: BackupMeter, _ caller: ServerCaller
  ) async throws {
    var request = Cloudstate_Admin_ReplicaCopiesRequest()
    request.nodeID = node
    request.bucket = bucket
    request.bucketCount = Self.bucketsAtOnce
    while true {
      let page: Cloudstate_Admin_ReplicaCopies = try await caller.persistentCall(
        "/cloudstate.admin.Data/replicas", request, patience: TimeAmount(settings.patience))
      for copy in page.copies {
        let entity = EntityKey(
          persistenceID: copy.name.persistenceID, entityID: copy.name.entityID)
        for part in copy.parts {
          do throws(ReplicatedDataFormatError) {
            let state = try ReplicatedEntityState(decoding: Array(part))
            if merged[entity] == nil {
              merged[entity] = state
            } else {
              merged[entity]?.merge(state)
            }
          } catch {
            throw BackupError(
              .damaged,
              "node \(node)'s copy of the replicated entity \(entity) cannot be trusted: \(error)")
          }
        }
      }
      try await meter.took(
        batches: 0, bytes: page.copies.reduce(0) { $0 + $1.parts.reduce(0) { $0 + $1.count } })
      guard page.hasMore_p, let last = page.copies.last else { return }
      request.after = last.name
    }
  }
}
