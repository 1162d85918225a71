import Foundation
import TestSupport
import Testing

/// Load of commands with idempotency keys and retries, each with a product of its own, and what must be
/// true of the journals afterwards, whatever happened meanwhile.
enum JournalCheck {
  /// Begins to send about 200 commands in a second.
  ///
  /// - Parameter report: the file that tells which commands were acknowledged.
  static func startLoad(
    _ cluster: TestCluster, users: Int, report: String, duration: String = "20s"
  ) throws -> TestProcess {
    try TestProcess(
      builtProduct("cs-send"),
      [
        "-s", cluster.servers, "ShoppingCart/AddItem",
        #"{"userId":"u{{random 1 \#(users)}}","productId":"p{{count}}","name":"P","quantity":1}"#,
        "--template", "--retry", "--auto-key", "--timeout", "60s", "--duration", duration, "--rate",
        "200", "--concurrency", "16", "--report", report,
      ])
  }

  /// The products of the commands that were acknowledged; each command has a product of its own.
  static func reportedProducts(_ path: String) throws -> Set<String> {
    let text = try String(contentsOfFile: path, encoding: .utf8)
    var products: Set<String> = []
    for line in text.split(separator: "\n") {
      guard
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
        object["ok"] as? Bool == true, let request = object["request"] as? [String: Any],
        let product = request["productId"] as? String
      else { continue }
      products.insert(product)
    }
    return products
  }

  static func check(_ events: [TailedEvent], acknowledged: Set<String>) {
    let products = events.map(\.product)
    #expect(products.count == Set(products).count, "a command's event is in the journal twice")
    #expect(acknowledged.subtracting(products).isEmpty, "an acknowledged event is missing")
    for (entity, events) in Dictionary(grouping: events, by: \.entity) {
      #expect(
        events.map(\.sequence) == Array(1...events.count), "\(entity) has a gap or a repetition")
    }
    #expect(isInShardOrder(events))
  }

  static func isInShardOrder(_ events: [TailedEvent]) -> Bool {
    Dictionary(grouping: events, by: \.shard).values.allSatisfy { shard in
      zip(shard, shard.dropFirst()).allSatisfy { $0.position < $1.position }
    }
  }

  static func checkCarts(_ cluster: TestCluster, events: [TailedEvent]) async throws {
    for (entity, events) in Dictionary(grouping: events, by: \.entity) {
      let user = entity.split(separator: "/").last.map(String.init) ?? ""
      let result = try await runTool(
        "cs-send",
        [
          "-s", cluster.servers, "--retry", "--auto-key", "ShoppingCart/GetCart",
          #"{"userId":"\#(user)"}"#, "--raw",
        ])
      let reply =
        try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
      let items = reply?["items"] as? [[String: Any]] ?? []
      #expect(
        items.compactMap { $0["productId"] as? String } == events.map(\.product),
        "cart of \(user) differs from its journal")
    }
  }
}
