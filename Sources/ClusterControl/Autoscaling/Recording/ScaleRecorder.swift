package import CloudstateModel
import FoundationEssentials
import Glibc
import Synchronization

/// Writes what an autoscaler was told and what it decided, as lines that ``AutoscalerReplay`` reads.
///
/// Files are named `SERVICE-MILLISECONDS.jsonl`, by the time at which they begin; the newest ``retainedFiles`` of a
/// service are kept. Called on one thread that may block.
package final class ScaleRecorder: Sendable {
  /// With ``recordsPerFile`` records of some 400 bytes each these are about 320 MB at most.
  package static let retainedFiles = 8
  /// A file with more is followed by another one.
  static let recordsPerFile = 100_000
  /// No file is longer by much: what is read at a start is bounded.
  private static let maximumFileBytes = 256 << 20

  private let folder: String
  private let service: ServiceName
  private let descriptor = Mutex<Int32>(-1)

  /// - Parameter folder: made when it is missing.
  package init(folder: String, service: ServiceName) {
    self.folder = folder
    self.service = service
  }

  deinit {
    descriptor.withLock { if $0 >= 0 { Glibc.close($0) } }
  }

  /// Appends records. Nothing is synced: a recording is for people.
  ///
  /// - Parameter beginsAt: milliseconds since 1970 if a file begins with the first record.
  /// - Throws: ``ClusterError`` with `.storeFailed`; then the next call must begin a file.
  package func write(_ records: [AutoscalerRecord], beginsAt: Int64?) throws(ClusterError) {
    var lines = ""
    for record in records { lines += try record.line + "\n" }
    let bytes = Array(lines.utf8)
    try descriptor.withLock { descriptor throws(ClusterError) in
      if let beginsAt {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
        descriptor = try begin(at: beginsAt)
      }
      guard descriptor >= 0 else { return }
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = Glibc.write(descriptor, Array(rest), rest.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw failure("cannot write to", folder) }
        rest = rest.dropFirst(count)
      }
    }
  }

  /// The newest decisions in the recordings of earlier processes, the oldest first. What cannot be read is left out.
  package func decisions(limit: Int) -> [ScaleDecision] {
    var found: [ScaleDecision] = []
    for name in files().reversed() where found.count < limit {
      guard let data = try? Data(contentsOf: URL(filePath: "\(folder)/\(name)")),
        data.count <= Self.maximumFileBytes
      else { continue }
      let mark = Array("{\"decision\":".utf8)
      let own: [ScaleDecision] = data.split(separator: UInt8(ascii: "\n")).compactMap { line in
        guard line.starts(with: mark),
          case .decision(let decision)? = try? AutoscalerRecord(
            line: String(decoding: line, as: UTF8.self))
        else { return nil }
        return decision
      }
      found = own + found
    }
    return found.suffix(limit)
  }

  private func begin(at wall: Int64) throws(ClusterError) -> Int32 {
    mkdir(folder, 0o755)
    let digits = String(wall)
    let time = String(repeating: "0", count: max(0, 13 - digits.count)) + digits
    let path = "\(folder)/\(service)-\(time).jsonl"
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw failure("cannot create", path) }
    for name in files().dropLast(Self.retainedFiles) { unlink("\(folder)/\(name)") }
    return descriptor
  }

  /// The service's recordings, the oldest first.
  private func files() -> [String] {
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      let time = name.dropFirst(service.text.count + 1).dropLast(".jsonl".count)
      if name.hasPrefix("\(service.text)-"), name.hasSuffix(".jsonl"), time.count == 13,
        Int64(time) != nil
      {
        names.append(name)
      }
    }
    return names.sorted()
  }

  private func failure(_ what: String, _ path: String) -> ClusterError {
    ClusterError(.storeFailed, "\(what) \(path) (error \(errno))")
  }
}
