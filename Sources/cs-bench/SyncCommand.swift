import ArgumentParser
import CommandLineKit
import Glibc

/// The disk's ceiling: append 100 bytes, then fdatasync.
struct SyncCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sync", abstract: "Measures the bare sync of the disk.")

  @OptionGroup var options: MeasureOptions
  @Option(help: "Folder on the disk to measure; a temporary folder when left out.")
  var data: String?

  func run() async throws {
    let report = BenchReport(output: options.output)
    let folder = try BenchFolder(path: data)
    defer { folder.remove() }
    report.add(try Self.measure(folder: folder.path, seconds: options.seconds))
  }

  static func measure(folder: String, seconds: Double) throws -> LatencySummary {
    let path = "\(folder)/sync"
    let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw ProgramError.system("cannot create \(path)", code: errno)
    }
    defer { close(descriptor) }
    let record = [UInt8](repeating: 7, count: 100)
    var latencies: [UInt64] = []
    let begin = monotonicNanoseconds()
    let end = begin + UInt64(seconds * 1e9)
    while true {
      let start = monotonicNanoseconds()
      guard start < end else { break }
      guard write(descriptor, record, record.count) == record.count, fdatasync(descriptor) == 0
      else { throw ProgramError.system("cannot sync \(path)", code: errno) }
      latencies.append(monotonicNanoseconds() - start)
    }
    return LatencySummary(
      name: "disk: append and fdatasync", inFlight: 1, errors: 0, seconds: seconds,
      latencies: latencies)
  }
}
