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

  @Test("Every file of a backup, harmed in every way", arguments: FileHarm.allCases)
  func damage(_ harm: FileHarm) throws {
    var random = SeededGenerator(seed: testSeed("damaged backups, \(harm)"))
    let place = try TemporaryDirectory()
    let path = "\(place.path)/nightly"
    try make(path)
    for name in try backupFiles(path) {
      let url = URL(fileURLWithPath: "\(path)/\(name)")
      let sound = try Data(contentsOf: url)
      for _ in 0..<Self.changes {
        var bytes = [UInt8](sound)
        guard let done = harm.apply(to: &bytes, using: &random) else { continue }
        try Data(bytes).write(to: url)
        try expectFound(name, in: path, "\(name): \(done)")
        #expect([UInt8](try Data(contentsOf: url)) == bytes, "\(name) was changed")
      }
      try sound.write(to: url)
    }
    #expect(try BackupVerification(of: path).isSound)
  }

  @Test("A file that is missing is named")
  func missingFiles() throws {
    let place = try TemporaryDirectory()
    let path = "\(place.path)/nightly"
    try make(path)
    for name in try backupFiles(path) {
      try FileManager.default.moveItem(atPath: "\(path)/\(name)", toPath: "\(place.path)/away")
      try expectFound(name, in: path, "\(name) is gone")
      try FileManager.default.moveItem(atPath: "\(place.path)/away", toPath: "\(path)/\(name)")
    }
    #expect(try BackupVerification(of: path).isSound)
  }

  /// Two runs, with files of every kind.
  private func make(_ path: String) throws {
    var service = try MadeUpService()
    for index in 0..<service.shardCount { service.commit(9, in: index) }
    try service.backUp(to: path)
    service.commit(4, in: 1)
    try service.backUp(
      to: path,
      replicas: [
        service.entity("a"): .live(ReplicatedValue(.orset)), service.entity("b"): .deleted,
      ])
    #expect(try backupFiles(path).count == 6)
  }

  private func expectFound(_ name: String, in path: String, _ what: Comment) throws {
    let problems: [String]
    do throws(BackupError) {
      problems = try BackupVerification(of: path).problems.map(\.text)
    } catch {
      #expect(name == "manifest.json", what)
      problems = [error.message]
    }
    #expect(problems.count == 1, what)
    #expect(problems.first?.contains(name) == true, what)
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
