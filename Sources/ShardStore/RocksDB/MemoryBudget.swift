import Glibc

/// How much memory the database may use, sized from what the process may use.
package struct MemoryBudget: Hashable, Sendable, CustomStringConvertible {
  /// Where the limit was found.
  package enum Source: Hashable, Sendable {
    case cgroup
    case machine
    case unknown
  }

  /// What the process may use, in bytes.
  package let limitBytes: Int
  /// Where `limitBytes` comes from.
  package let source: Source
  /// Write buffers of all column families together, in bytes: a 64th of the limit, 2 to 16 MiB. They
  /// grow as they are written to.
  package let writeBufferBytes: Int
  /// Cached blocks of files, indexes and filters, in bytes: a 16th of the limit, 4 to 256 MiB. Fills
  /// as files are read.
  package let blockCacheBytes: Int
  /// Live write-ahead log that may have to be replayed after a crash, in bytes: twice the write buffers.
  package var logBytes: Int { 2 * writeBufferBytes }

  /// Sizes the parts for a limit.
  package init(limitBytes: Int, source: Source) {
    self.limitBytes = limitBytes
    self.source = source
    writeBufferBytes = min(max(limitBytes / 64, 2 << 20), 16 << 20)
    blockCacheBytes = min(max(limitBytes / 16, 4 << 20), 256 << 20)
  }

  /// Finds the limit: the lowest of the process's control group and its parents (version 2, then 1),
  /// else the machine's memory.
  package static func detect() -> MemoryBudget {
    if let limit = controlGroupLimit(readingWith: readSmallFile) {
      return MemoryBudget(limitBytes: limit, source: .cgroup)
    }
    let pages = sysconf(Int32(_SC_PHYS_PAGES))
    let pageBytes = sysconf(Int32(_SC_PAGESIZE))
    guard pages > 0, pageBytes > 0 else {
      return MemoryBudget(limitBytes: 512 << 20, source: .unknown)
    }
    return MemoryBudget(limitBytes: pages * pageBytes, source: .machine)
  }

  /// The control group's limit in bytes, or `nil` if there is none.
  package static func controlGroupLimit(readingWith read: (String) -> String?) -> Int? {
    var lowest: Int?
    func consider(_ file: String) {
      // Version 2 writes `max` for no limit, version 1 a number near the largest one.
      guard
        let line = read(file)?.split(separator: "\n").first, let limit = Int(line), limit > 0,
        limit < 1 << 60
      else { return }
      lowest = min(lowest ?? limit, limit)
    }
    for line in (read("/proc/self/cgroup") ?? "").split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let isVersion2 = fields[0] == "0" && fields[1].isEmpty
      guard isVersion2 || fields[1].split(separator: ",").contains("memory") else { continue }
      let root = isVersion2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"
      let file = isVersion2 ? "memory.max" : "memory.limit_in_bytes"
      var names = fields[2].split(separator: "/")
      while true {
        consider(([root] + names.map(String.init) + [file]).joined(separator: "/"))
        if names.popLast() == nil { break }
      }
    }
    return lowest
  }

  package var description: String {
    let origin =
      switch source {
      case .cgroup: "control group"
      case .machine: "machine"
      case .unknown: "assumed"
      }
    return "memory limit \(mebibytes(limitBytes)) (\(origin)): write buffers "
      + "\(mebibytes(writeBufferBytes)), block cache \(mebibytes(blockCacheBytes)), log "
      + mebibytes(logBytes)
  }
}

private func mebibytes(_ bytes: Int) -> String { "\(bytes >> 20) MiB" }

/// The first 4 KiB of a file, or `nil` if it cannot be read.
private func readSmallFile(_ path: String) -> String? {
  let file = open(path, O_RDONLY | O_CLOEXEC)
  guard file >= 0 else { return nil }
  defer { close(file) }
  var buffer = [UInt8](repeating: 0, count: 4096)
  let count = read(file, &buffer, buffer.count)
  guard count > 0 else { return nil }
  return String(decoding: buffer.prefix(count), as: UTF8.self)
}
