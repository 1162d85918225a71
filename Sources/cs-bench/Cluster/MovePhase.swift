import CloudstateModel
import CommandLineKit

/// What was seen while one thing happened, once or in several rounds.
struct MovePhase {
  let name: String
  private(set) var rounds = 1
  private var seconds: Double
  private var commands: Int
  private var errors: Int
  private var moves: Int
  private var bytes: UInt64
  /// Events in the shards that moved.
  private var events: Int
  /// Milliseconds, ascending.
  private var latencies: [Double]
  /// The longest wait of each shard that moved, or of all where none did: milliseconds, ascending.
  private var waits: [Double]
  private var fences: [Double]
  /// The longest sync of a bystander; `nil` if none could be watched.
  private(set) var stall: Duration?

  init(
    name: String, seconds: Double, seen: MoveLoad.Result, steps: [StepDocument], stall: Duration?
  ) {
    self.name = name
    self.seconds = seconds
    commands = seen.commands
    errors = seen.errors
    let moved = steps.filter { $0.action == "move" && $0.state == "done" }
    moves = moved.count
    bytes = steps.reduce(0) { $0 + ($1.bytes ?? 0) }
    let indexes = Set(
      moved.compactMap { $0.shard.split(separator: "/").last.flatMap { UInt32($0) } })
    events = indexes.reduce(0) { $0 + (seen.events[$1] ?? 0) }
    latencies = seen.latencies.map { Double($0) / 1e6 }.sorted()
    waits = seen.longest.filter { indexes.isEmpty || indexes.contains($0.key) }
      .map { Double($0.value) / 1e6 }.sorted()
    fences = moved.compactMap(\.pauseMilliseconds).sorted()
    self.stall = stall
  }

  /// Where the disk itself stood still for longer, waits tell of the machine.
  static let calmSync: Duration = .milliseconds(50)

  /// Whether the bystander could work all the time.
  var isCalm: Bool { stall.map { $0 < Self.calmSync } ?? false }

  /// The same thing, which happened again.
  mutating func add(_ other: MovePhase) {
    rounds += other.rounds
    seconds += other.seconds
    commands += other.commands
    errors += other.errors
    moves += other.moves
    bytes += other.bytes
    events += other.events
    latencies = (latencies + other.latencies).sorted()
    waits = (waits + other.waits).sorted()
    fences = (fences + other.fences).sorted()
    stall = stall.flatMap { own in other.stall.map { max(own, $0) } }
  }

  private func at(_ fraction: Double, _ values: [Double]) -> Double {
    values.isEmpty ? 0 : values[min(values.count - 1, Int(Double(values.count) * fraction))]
  }

  static let header =
    "phase                   seconds  commands  errors  moves    bytes  bytes/event  p50 ms  p99 ms  "
    + "shard wait p50/p99/max ms  fence p99 ms  bystander's sync max ms"

  private var stallMilliseconds: Double? { stall.map { $0 / .milliseconds(1) } }
  private var bytesPerEvent: Double { events == 0 ? 0 : Double(bytes) / Double(events) }

  var row: String {
    func text(_ value: Double) -> String { value.threeDecimals }
    let title = rounds == 1 ? name : "\(name), \(rounds)x\(isCalm ? " calm" : "")"
    let cells = [
      title + String(repeating: " ", count: max(0, 22 - title.count)), text(seconds),
      "\(commands)", "\(errors)", "\(moves)", "\(bytes)", text(bytesPerEvent),
      text(at(0.5, latencies)), text(at(0.99, latencies)),
      "\(text(at(0.5, waits)))/\(text(at(0.99, waits)))/\(text(waits.last ?? 0))",
      text(at(0.99, fences)), stallMilliseconds?.threeDecimals ?? "-",
    ]
    return cells.joined(separator: "  ")
  }

  var json: String {
    "{\"phase\":\"\(name)\",\"rounds\":\(rounds),\"calm\":\(isCalm),\"seconds\":\(seconds.threeDecimals),"
      + "\"commands\":\(commands),\"errors\":\(errors),\"moves\":\(moves),\"bytes\":\(bytes),"
      + "\"events\":\(events),"
      + "\"p50Milliseconds\":\(at(0.5, latencies).threeDecimals),"
      + "\"p99Milliseconds\":\(at(0.99, latencies).threeDecimals),"
      + "\"shardWaitP50Milliseconds\":\(at(0.5, waits).threeDecimals),"
      + "\"shardWaitP99Milliseconds\":\(at(0.99, waits).threeDecimals),"
      + "\"shardWaitMaxMilliseconds\":\((waits.last ?? 0).threeDecimals),"
      + "\"fenceP99Milliseconds\":\(at(0.99, fences).threeDecimals),"
      + "\"bystanderSyncMaxMilliseconds\":\(stallMilliseconds?.threeDecimals ?? "null")}"
  }
}
