package import CloudstateModel

/// What a batch is, in few words: two batches that agree in it are the same.
package struct BatchMark: Hashable, Sendable, CustomStringConvertible {
  package var position: Position
  package var epoch: Epoch
  package var hash: UInt64

  package init(position: Position, epoch: Epoch, hash: UInt64) {
    self.position = position
    self.epoch = epoch
    self.hash = hash
  }

  package var description: String { "\(position) of epoch \(epoch)" }
}

/// One reader of a shard's stream: it must see each position once, in order, and nothing that disappears.
package struct StreamChecker: Sendable {
  package let name: String
  package private(set) var seen: [BatchMark] = []

  package init(name: String) { self.name = name }

  /// Where the reader goes on.
  package var position: Position { seen.last?.position ?? .start }

  /// The reader got a page that it asked for behind ``position``.
  package mutating func read(_ page: [BatchMark]) -> Violation? {
    for batch in page {
      guard batch.position == position.next else {
        return Violation(
          .stream, "\(name): position \(batch.position) follows \(position)")
      }
      seen.append(batch)
    }
    return nil
  }

  /// Compares with the stream as it is in the end.
  package func violation(against stream: [BatchMark]) -> Violation? {
    for (index, batch) in seen.enumerated() {
      guard index < stream.count else {
        return Violation(
          .stream,
          "\(name): \(batch) was seen and has disappeared: the stream ends at \(stream.count)")
      }
      guard stream[index] == batch else {
        return Violation(
          .stream, "\(name): \(batch) was seen, and another batch is there, \(stream[index])")
      }
    }
    return nil
  }
}
