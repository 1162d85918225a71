import Backup
import CloudstateModel
import Foundation
import ReplicatedData
import ShardStore
import TestSupport
import Testing

/// Whatever happens to a byte of a finished backup is found and named.
@Suite struct BackupDamageTests {
  private static let changes = 24

  enum Harm: CaseIterable {
    case bitFlip, truncation, growth, swap, loss
  }

  @Test("Every file of a backup: flipped bits, cuts, more bytes, zeros and loss are found", arguments: Harm.allCases)
  func damage(_ harm: Harm) throws {
    var random = SeededGenerator(seed: testSeed("damaged backups, \(harm)"))
    let place = try TemporaryDirectory()
    let path = "\(place.path)/nightly"
    var service = try MadeUpService()
    for index in 0..<service.shardCount { service.commit(9, in: index) }
    try service.backUp(to: path)
    service.commit(4, in: 1)
    try service.backUp(
      to: path,
      replicas: [
        service.entity("a"): .live(ReplicatedValue(.orset)), service.entity("b"): .deleted,
      ])
    #expect(try BackupVerification(of: path).isSound)
    let files = try backupFiles(path)
    #expect(files.count == 6)
    for name in files {
      let url = URL(fileURLWithPath: "\(path)/\(name)")
      let sound = try Data(contentsOf: url)
      for _ in 0..<(harm == .loss ? 1 : Self.changes) {
        var bytes = sound
        let at = Int.random(in: 0..<bytes.count, using: &random)
        switch harm {
        case .bitFlip: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case .truncation: bytes = bytes.prefix(at)
        case .growth: bytes.append(UInt8.random(in: .min ... .max, using: &random))
        case .swap:
          let other = Int.random(in: 0..<bytes.count, using: &random)
          guard bytes[at] != bytes[other] else { continue }
          bytes.swapAt(at, other)
        case .loss: break
        }
        if harm == .loss {
          try FileManager.default.removeItem(at: url)
        } else {
          try bytes.write(to: url)
        }
        try expectFound(name, in: path, "\(harm) at \(at)")
        #expect(harm == .loss || FileManager.default.fileExists(atPath: url.path))
      }
      try sound.write(to: url)
    }
    #expect(try BackupVerification(of: path).isSound)
  }

  private func expectFound(_ name: String, in path: String, _ what: Comment) throws {
    do {
      let found = try BackupVerification(of: path)
      #expect(!found.isSound, what)
      #expect(found.problems.count == 1, "\(what): \(found.problems)")
      #expect(found.problems.first?.text.contains(name) == true, "\(what): \(found.problems)")
    } catch let error as BackupError {
      #expect(name == "manifest.json", what)
      #expect(error.message.contains(name), "\(what): \(error.message)")
    }
  }

  @Test("A backup of a newer format is refused in words")
  func newerFormat() throws {
    let place = try TemporaryDirectory()
    let path = "\(place.path)/nightly"
    try MadeUpService().backUp(to: path)
    let url = URL(fileURLWithPath: "\(path)/manifest.json")
    var text = try String(contentsOf: url, encoding: .utf8)
    text = text.replacing(#""formatVersion":1"#, with: #""formatVersion":2"#)
    try Data(text.utf8).write(to: url)
    // The checksum tells of it first; a newer program would have written the right one.
    expectBackupError(.damaged, saying: "checksum") { _ = try BackupReader(path) }
  }
}
