import Foundation
import TestSupport

/// What a finished program left.
struct ProgramResult {
  let status: TestProcess.Exit
  let output: String
  let talk: String

  /// Standard output as JSON lines.
  func jsonLines() throws -> [[String: Any]] {
    try output.split(separator: "\n").map { line in
      guard let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      else { throw ProcessEnded(text: "not a JSON object: \(line)") }
      return object
    }
  }
}

/// Runs a program of this package to its end.
func runTool(
  _ name: String, _ arguments: [String], within deadline: Duration = .seconds(30)
) async throws -> ProgramResult {
  try await runProgram(builtProduct(name), arguments, within: deadline)
}

/// Runs any program to its end.
func runProgram(
  _ path: String, _ arguments: [String], environment: [String: String] = [:],
  within deadline: Duration = .seconds(30)
) async throws -> ProgramResult {
  let process = try TestProcess(path, arguments, environment: environment)
  let status = try await process.waitForExit(within: deadline)
  return ProgramResult(
    status: status, output: process.output(.standardOutput), talk: process.output(.standardError))
}

/// One event as `cs-tail -o jsonl` prints it.
struct TailedEvent: Hashable {
  let shard: Int
  let position: Int
  let sequence: Int
  let entity: String
  let type: String
  let product: String
  let quantity: Int

  init?(_ object: [String: Any]) {
    guard let shard = object["shard"] as? Int, let position = object["shardSeq"] as? Int,
      let sequence = object["seq"] as? Int, let entity = object["entity"] as? String,
      let type = object["type"] as? String
    else { return nil }
    self.shard = shard
    self.position = position
    self.sequence = sequence
    self.entity = entity
    self.type = type
    let data = object["data"] as? [String: Any]
    let item = data?["item"] as? [String: Any]
    product = (item?["productId"] ?? data?["productId"]) as? String ?? ""
    quantity = item?["quantity"] as? Int ?? 0
  }
}

extension TestCluster {
  /// Every event in the journals, by `cs-tail --all --end`.
  func allEvents() async throws -> [TailedEvent] {
    let result = try await runTool(
      "cs-tail", ["-s", servers, "--all", "--end", "-o", "jsonl"], within: .seconds(60))
    guard result.status == .code(0) else {
      throw ProcessEnded(text: "cs-tail: \(result.status)\n\(result.talk)")
    }
    return try result.jsonLines().compactMap(TailedEvent.init)
  }
}
