import Backup
import CloudstateModel
import CommandClient
import CommandLineKit
import ShardStore

// What `cs-admin backup` and `cs-admin restore` print.

extension BackupManifest {
  var text: String {
    "service \(service), \(shardCount) shards, \(batches) batches, \(replicas.entities) replicated "
      + "entities, \(byteText(Double(bytes))); run \(run), as of \(timeText(startedAt))"
  }

  var members: [(String, JSONText)] {
    [
      ("service", .string(service.text)), ("run", .integer(Int64(run))),
      ("startedAt", .string(timeText(startedAt))), ("finishedAt", .string(timeText(finishedAt))),
      ("batches", .unsigned(batches)), ("replicatedEntities", .unsigned(replicas.entities)),
      ("bytes", .unsigned(bytes)),
      (
        "shards",
        .array(
          shards.enumerated().map { index, shard in
            .object([
              ("shard", .integer(Int64(index))), ("position", .unsigned(shard.end.position.number)),
              ("epoch", .unsigned(shard.end.epoch.number)), ("digest", .string(shard.chain.text)),
            ])
          })
      ),
    ]
  }
}

extension BackupRun.Summary {
  func text(to folder: String) -> String {
    "\(folder): \(manifest.text)\nnew: \(newBatches) batches, \(byteText(Double(newBytes)))"
  }

  func json(to folder: String) -> JSONText {
    .object(
      [
        ("folder", .string(folder)), ("newBatches", .unsigned(newBatches)),
        ("newBytes", .unsigned(newBytes)),
      ] + manifest.members)
  }
}

extension BackupVerification {
  var text: String {
    "\(isSound ? "sound" : "damaged"): \(manifest.text)"
      + (isSound ? ", \(events) events" : "")
  }

  var json: JSONText {
    .object(
      [
        ("sound", .bool(isSound)),
        (
          "problems",
          .array(
            problems.map { problem in
              .object([
                ("shard", problem.shard.map { .integer(Int64($0)) } ?? .null),
                ("problem", .string(problem.text)),
              ])
            })
        ), ("events", .unsigned(events)), ("leftOver", .array(leftOver.map(JSONText.string))),
      ] + manifest.members)
  }
}

func timeText(_ time: Timestamp) -> String { CivilTime(time).rfc3339 }
