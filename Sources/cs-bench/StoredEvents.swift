import CloudstateModel
import CommandLineKit
import Logging
import ShardStore

/// What a node that has stopped has in its journal: a measurement of durable commands counts only if each
/// command that was answered left its event.
enum StoredEvents {
  private static let shardCount: UInt32 = 64
  private static let pageBytes = 4 << 20

  static func check(_ folder: String, commands: Int, of name: String) throws {
    let stored = try count(folder)
    guard stored == commands else {
      throw ProgramError(
        "\(name): \(commands) commands were answered and \(stored) events are stored")
    }
  }

  private static func count(_ folder: String) throws -> Int {
    guard let service = ServiceName("bench") else { return 0 }
    let store = try RocksDBShardStore.open(
      path: folder, configuration: ShardStoreConfiguration(),
      logger: Logger(label: "cs-bench") { _ in SwiftLogNoOpLogHandler() })
    defer { store.close() }
    var events = 0
    for index in 0..<shardCount {
      let shard = ShardID(service: service, index: index)
      var position = Position.start
      while true {
        let batches = try store.stream(of: shard, after: position, byteLimit: pageBytes)
        guard let last = batches.last else { break }
        events += batches.reduce(0) { $0 + $1.events.count }
        position = last.position
      }
    }
    return events
  }
}
