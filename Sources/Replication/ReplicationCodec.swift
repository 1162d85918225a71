import CloudstateModel
import CloudstateProtocol
import FoundationEssentials
import MessageBus
import NIOCore
import ReplicatedData
import ShardStore
import SwiftProtobuf

/// Between our words and `cloudstate.internal.replication`.
enum ReplicationCodec {
  typealias Change = Cloudstate_Internal_Replication_Change

  static func change(_ entity: EntityKey, _ state: [UInt8]) -> ByteBuffer {
    var message = Change()
    message.persistenceID = entity.persistenceID
    message.entityID = entity.entityID
    message.state = Data(state)
    return message.encoded
  }

  /// - Returns: `nil` if the bytes are no change that this version understands.
  static func change(
    _ buffer: ByteBuffer
  ) -> (entity: EntityKey, state: ReplicatedEntityState, bytes: [UInt8])? {
    guard let message = try? Change(decoding: buffer) else { return nil }
    let bytes = [UInt8](message.state)
    guard let state = try? ReplicatedEntityState(decoding: bytes) else { return nil }
    return (
      EntityKey(persistenceID: message.persistenceID, entityID: message.entityID), state, bytes
    )
  }

  static func readRequest(_ entity: EntityKey) -> ByteBuffer {
    var message = Cloudstate_Internal_Replication_ReadRequest()
    message.persistenceID = entity.persistenceID
    message.entityID = entity.entityID
    return message.encoded
  }

  static func readRequest(_ buffer: ByteBuffer) -> EntityKey? {
    guard let message = try? Cloudstate_Internal_Replication_ReadRequest(decoding: buffer) else {
      return nil
    }
    return EntityKey(persistenceID: message.persistenceID, entityID: message.entityID)
  }

  static func readAnswer(_ state: ReplicatedEntityState?) -> ByteBuffer {
    var message = Cloudstate_Internal_Replication_ReadAnswer()
    if let state { message.state = Data(state.encoded()) }
    return message.encoded
  }

  enum ReadAnswer {
    case none
    case copy(ReplicatedEntityState)
    case unreadable
  }

  static func readAnswer(_ buffer: ByteBuffer) -> ReadAnswer {
    guard let message = try? Cloudstate_Internal_Replication_ReadAnswer(decoding: buffer) else {
      return .unreadable
    }
    if message.state.isEmpty { return .none }
    guard let state = try? ReplicatedEntityState(decoding: [UInt8](message.state)) else {
      return .unreadable
    }
    return .copy(state)
  }

  static func summary(_ replica: ReplicaID, _ digest: UInt64) -> ByteBuffer {
    var message = Cloudstate_Internal_Replication_Summary()
    message.replica = replica.text
    message.digest = digest
    return message.encoded
  }

  static func summary(_ buffer: ByteBuffer) -> (replica: ReplicaID, digest: UInt64)? {
    guard let message = try? Cloudstate_Internal_Replication_Summary(decoding: buffer),
      let replica = ReplicaID(message.replica)
    else { return nil }
    return (replica, message.digest)
  }

  enum Comparison: Sendable {
    case buckets
    case bucket(ReplicaBucket)
  }

  static func comparison(_ comparison: Comparison) -> ByteBuffer {
    var message = Cloudstate_Internal_Replication_CompareRequest()
    switch comparison {
    case .buckets: message.buckets = true
    case .bucket(let bucket): message.bucket = bucket.index
    }
    return message.encoded
  }

  static func comparison(_ buffer: ByteBuffer) -> Comparison? {
    guard let message = try? Cloudstate_Internal_Replication_CompareRequest(decoding: buffer) else {
      return nil
    }
    switch message.subject {
    case .buckets: return .buckets
    case .bucket(let index): return ReplicaBucket(index).map { .bucket($0) }
    case nil: return nil
    }
  }

  static func bucketDigests(_ digests: [UInt64], of replica: ReplicaID) -> ByteBuffer {
    var message = Cloudstate_Internal_Replication_CompareAnswer()
    message.bucketDigests = digests
    message.replica = replica.text
    return message.encoded
  }

  static func bucketDigests(
    _ buffer: ByteBuffer
  ) -> (digests: [UInt64], replica: ReplicaID)? {
    guard let message = try? Cloudstate_Internal_Replication_CompareAnswer(decoding: buffer),
      message.bucketDigests.count == Int(ReplicaBucket.count),
      let replica = ReplicaID(message.replica)
    else { return nil }
    return (message.bucketDigests, replica)
  }

  static func replicaDigests(_ digests: [EntityKey: UInt64]) -> ByteBuffer {
    var message = Cloudstate_Internal_Replication_CompareAnswer()
    message.replicas = digests.map { entity, digest in
      var entry = Cloudstate_Internal_Replication_ReplicaDigest()
      entry.persistenceID = entity.persistenceID
      entry.entityID = entity.entityID
      entry.digest = digest
      return entry
    }
    return message.encoded
  }

  static func replicaDigests(_ buffer: ByteBuffer) -> [EntityKey: UInt64]? {
    guard let message = try? Cloudstate_Internal_Replication_CompareAnswer(decoding: buffer) else {
      return nil
    }
    return Dictionary(
      message.replicas.map {
        (EntityKey(persistenceID: $0.persistenceID, entityID: $0.entityID), $0.digest)
      }, uniquingKeysWith: { $1 })
  }
}
