package import CloudstateProtocol
import SwiftProtobuf

/// How far a tail has come in each shard. Turns a repeated stream into one without repetition, and says
/// where a new connection has to begin so that there is no gap.
///
/// A pure value. Within a shard, events are ordered by (position, index); the server sends them in
/// that order from any position asked for, and a batch whose end was not seen is asked for again.
package struct TailCursor: Hashable, Sendable {
  /// The last event seen of a batch whose end was not seen.
  private struct Place: Hashable, Sendable {
    var position: UInt64
    var index: UInt32
  }

  /// Everything of the shard up to the position was seen or did not match.
  private(set) package var complete: [UInt32: UInt64]
  private var partial: [UInt32: Place] = [:]

  /// - Parameter complete: positions of earlier shards that need not be seen.
  package init(complete: [UInt32: UInt64] = [:]) { self.complete = complete }

  /// Takes an event; `false` if it was seen before.
  package mutating func accept(_ event: Cloudstate_Streams_TailedEvent) -> Bool {
    if let seen = complete[event.shard], event.position <= seen { return false }
    if let place = partial[event.shard] {
      if event.position < place.position { return false }
      if event.position == place.position, event.index <= place.index {
        if event.lastOfBatch { finish(event.shard, at: event.position) }
        return false
      }
    }
    if event.lastOfBatch {
      finish(event.shard, at: event.position)
    } else {
      partial[event.shard] = Place(position: event.position, index: event.index)
      // A batch is begun only when all before it is done.
      complete[event.shard] = max(
        complete[event.shard] ?? 0, event.position - min(event.position, 1))
    }
    return true
  }

  /// Takes what the server says of how far it is.
  package mutating func accept(_ progress: Cloudstate_Streams_TailProgress) {
    for cursor in progress.cursors where cursor.position >= complete[cursor.shard] ?? 0 {
      finish(cursor.shard, at: cursor.position)
    }
  }

  /// The cursors of a request that continues here, in shard order.
  package var cursors: [Cloudstate_Streams_ShardCursor] {
    complete.sorted { $0.key < $1.key }.map { shard, position in
      .with {
        $0.shard = shard
        $0.position = position
      }
    }
  }

  private mutating func finish(_ shard: UInt32, at position: UInt64) {
    complete[shard] = max(complete[shard] ?? 0, position)
    if let place = partial[shard], place.position <= position { partial[shard] = nil }
  }
}
