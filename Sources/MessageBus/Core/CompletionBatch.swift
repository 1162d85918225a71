import NIOCore

typealias BusCompletion = @Sendable (Result<ByteBuffer, BusError>) -> Void

/// A requester: what to call, and where.
struct Requester: Sendable {
  let eventLoop: any EventLoop
  let completion: BusCompletion

  /// Completes on the requester's event loop, later.
  func complete(_ result: Result<ByteBuffer, BusError>) {
    eventLoop.execute { [completion] in completion(result) }
  }
}

/// Completions gathered in one round, handed over with one task per event loop: waking a loop costs more
/// than calling a completion.
struct CompletionBatch {
  private struct Item: Sendable {
    let completion: BusCompletion
    let result: Result<ByteBuffer, BusError>
  }

  private var byLoop: [ObjectIdentifier: (eventLoop: any EventLoop, items: [Item])] = [:]

  mutating func add(_ requester: Requester, _ result: Result<ByteBuffer, BusError>) {
    let item = Item(completion: requester.completion, result: result)
    byLoop[ObjectIdentifier(requester.eventLoop), default: (requester.eventLoop, [])].items
      .append(item)
  }

  /// Hands over everything; completions for one loop run in the order they were added.
  mutating func deliver() {
    guard !byLoop.isEmpty else { return }
    for (eventLoop, items) in byLoop.values {
      eventLoop.execute { for item in items { item.completion(item.result) } }
    }
    byLoop.removeAll(keepingCapacity: true)
  }
}
