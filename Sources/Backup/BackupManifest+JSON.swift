import CloudstateModel
import CloudstateProtocol
import Crypto
import ShardStore
import SwiftProtobuf

// The JSON documents of a backup: `{"sha256":"…","backup":DOCUMENT}` and a line end. The SHA-256 is that of the
// document's bytes as they stand.

/// The envelope of a document.
enum BackupDocument {
  private static let opening = Array(#"{"sha256":""#.utf8)
  private static let middle = Array(#"","backup":"#.utf8)
  private static let closing = Array("}\n".utf8)

  static func seal(_ message: some Message) throws(BackupError) -> [UInt8] {
    var options = JSONEncodingOptions()
    options.alwaysPrintInt64sAsNumbers = true
    options.useDeterministicOrdering = true
    guard let json: [UInt8] = try? message.jsonUTF8Bytes(options: options) else {
      throw BackupError(.inputOutput, "the manifest cannot be written as JSON")
    }
    return opening + Array(digest(of: json).utf8) + middle + json + closing
  }

  /// - Parameter path: names the file in errors.
  static func open<Content: Message>(
    _ bytes: [UInt8], as type: Content.Type, path: String
  ) throws(BackupError) -> Content {
    let start = opening.count + 64 + middle.count
    guard bytes.count > start + closing.count, bytes.starts(with: opening),
      bytes[(start - middle.count)..<start].elementsEqual(middle),
      bytes.suffix(closing.count).elementsEqual(closing)
    else { throw BackupError(.damaged, "\(path) is no document of a backup, or is cut short") }
    let json = Array(bytes[start..<(bytes.count - closing.count)])
    let stated = bytes[opening.count..<(opening.count + 64)]
    guard stated.elementsEqual(digest(of: json).utf8) else {
      throw BackupError(.damaged, "\(path) does not match its checksum")
    }
    var options = JSONDecodingOptions()
    options.ignoreUnknownFields = true
    guard let content = try? Content(jsonUTF8Bytes: json, options: options) else {
      throw BackupError(.damaged, "\(path) cannot be understood")
    }
    return content
  }

  private static func digest(of bytes: [UInt8]) -> String {
    Array(SHA256.hash(data: bytes)).hexadecimal
  }
}

extension BackupManifest {
  /// Reads the manifest of a folder.
  ///
  /// - Throws: ``BackupError``; `.notFound` if there is none.
  package init(readingFrom folder: String) throws(BackupError) {
    let path = "\(folder)/\(BackupFormat.manifest)"
    guard let bytes = try Files.whole(path) else {
      throw BackupError(
        .notFound, "there is no finished backup in \(folder): \(BackupFormat.manifest) is missing")
    }
    let message = try BackupDocument.open(
      bytes, as: Cloudstate_Admin_BackupManifest.self, path: path)
    guard message.formatVersion <= BackupFormat.version else {
      throw BackupError(
        .newerFormat,
        "the backup in \(folder) has format \(message.formatVersion), and this software knows up to "
          + "\(BackupFormat.version); use the cs-admin of version \(message.softwareVersion)")
    }
    guard let manifest = Self(message) else {
      throw BackupError(.damaged, "\(path) contradicts itself")
    }
    self = manifest
  }

  private init?(_ message: Cloudstate_Admin_BackupManifest) {
    guard let service = ServiceName(message.service),
      message.shardCount > 0, message.shards.count == Int(message.shardCount)
    else { return nil }
    self.service = service
    shardCount = message.shardCount
    run = message.run
    startedAt = Timestamp(unixMilliseconds: message.startedAtUnixMilliseconds)
    finishedAt = Timestamp(unixMilliseconds: message.finishedAtUnixMilliseconds)
    softwareVersion = message.softwareVersion
    shards = []
    for (index, shard) in message.shards.enumerated() {
      guard shard.shard == UInt32(index), let shard = Shard(shard) else { return nil }
      shards.append(shard)
    }
    replicas = Replicas(
      entities: message.replicas.entities,
      file: message.replicas.hasFile ? File(message.replicas.file) : nil)
    if let name = replicas.file?.name, name.contains("/") { return nil }
  }

  func document() throws(BackupError) -> [UInt8] {
    try BackupDocument.seal(
      Cloudstate_Admin_BackupManifest.with {
        $0.formatVersion = BackupFormat.version
        $0.service = service.text
        $0.shardCount = shardCount
        $0.run = run
        $0.startedAtUnixMilliseconds = startedAt.unixMilliseconds
        $0.finishedAtUnixMilliseconds = finishedAt.unixMilliseconds
        $0.softwareVersion = softwareVersion
        $0.shards = shards.enumerated().map { $1.message(index: UInt32($0)) }
        $0.replicas.entities = replicas.entities
        if let file = replicas.file { $0.replicas.file = file.message }
      })
  }
}

extension BackupManifest.Shard {
  fileprivate init?(_ message: Cloudstate_Admin_BackupShard) {
    guard let chain = BatchChain(message.digest) else { return nil }
    self.chain = chain
    end =
      message.position == 0
      ? .empty
      : ShardEnd(
        position: Position(message.position), epoch: Epoch(message.epoch),
        time: Timestamp(unixMilliseconds: message.timeUnixMilliseconds))
    files = message.files.map(BackupManifest.File.init)
    consumers = [:]
    for consumer in message.consumers {
      let id = ConsumerID(
        serviceName: consumer.serviceName, group: consumer.group, eventLog: consumer.eventLog)
      consumers[id] = ConsumerPosition(
        batches: Position(consumer.position), events: consumer.events)
    }
    // The files hold the batches up to the end without a gap.
    var next: UInt64 = 1
    for file in files {
      guard !file.name.contains("/"), file.firstPosition == next,
        file.lastPosition >= file.firstPosition, file.lastPosition < .max
      else { return nil }
      next = file.lastPosition + 1
    }
    guard next - 1 == end.position.number,
      consumers.values.allSatisfy({ $0 <= ConsumerPosition(batches: end.position) })
    else { return nil }
  }

  fileprivate func message(index: UInt32) -> Cloudstate_Admin_BackupShard {
    .with {
      $0.shard = index
      $0.position = end.position.number
      $0.epoch = end.epoch.number
      $0.timeUnixMilliseconds = end == .empty ? 0 : end.time.unixMilliseconds
      $0.digest = chain.text
      $0.files = files.map(\.message)
      $0.consumers = consumers.sorted { "\($0.key)" < "\($1.key)" }.map { consumer, position in
        .with {
          $0.serviceName = consumer.serviceName
          $0.group = consumer.group
          $0.eventLog = consumer.eventLog
          $0.position = position.batches.number
          $0.events = position.events
        }
      }
    }
  }
}

extension BackupManifest.File {
  fileprivate init(_ message: Cloudstate_Admin_BackupFile) {
    self.init(
      name: message.name, bytes: message.bytes, sha256: message.sha256,
      firstPosition: message.firstPosition, lastPosition: message.lastPosition)
  }

  fileprivate var message: Cloudstate_Admin_BackupFile {
    .with {
      $0.name = name
      $0.bytes = bytes
      $0.sha256 = sha256
      $0.firstPosition = firstPosition
      $0.lastPosition = lastPosition
    }
  }
}

extension BackupCut {
  func document(of service: ServiceName, run: UInt32) throws(BackupError) -> [UInt8] {
    try BackupDocument.seal(
      Cloudstate_Admin_BackupCut.with {
        $0.service = service.text
        $0.shardCount = UInt32(shards.count)
        $0.run = run
        $0.startedAtUnixMilliseconds = startedAt.unixMilliseconds
        $0.shards = shards.enumerated().map { index, shard in
          .with {
            $0.shard = UInt32(index)
            $0.position = shard.end.position.number
            $0.epoch = shard.end.epoch.number
            $0.timeUnixMilliseconds = shard.end == .empty ? 0 : shard.end.time.unixMilliseconds
            $0.nodeID = shard.node
          }
        }
      })
  }
}
