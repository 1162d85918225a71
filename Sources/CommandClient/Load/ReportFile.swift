package import CommandLineKit
import Glibc
import Synchronization

/// A file of JSON lines that many threads add to. Lines are gathered and written in large pieces;
/// ``close()`` writes the rest.
package final class ReportFile: Sendable {
  private static let gatheredBytes = 64 * 1024

  private struct State {
    var descriptor: Int32?
    var gathered: [UInt8] = []
    /// The first `errno` of a write; nothing is written after it.
    var failure: Int32?
  }

  private let path: String
  private let state: Mutex<State>

  /// Creates the file, or empties it.
  ///
  /// - Throws: ``ProgramError`` with status `usage` when it cannot be opened.
  package init(path: String) throws(ProgramError) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw .system("cannot write \(path)", code: errno, status: .usage)
    }
    self.path = path
    state = Mutex(State(descriptor: descriptor))
  }

  deinit {
    state.withLock { state in
      if let descriptor = state.descriptor { _ = Glibc.close(descriptor) }
    }
  }

  /// Adds a line; a failure shows at ``close()``.
  package func add(_ line: JSONText) {
    let bytes = Array("\(line.compact)\n".utf8)
    state.withLock { state in
      state.gathered += bytes
      if state.gathered.count >= Self.gatheredBytes { Self.write(&state) }
    }
  }

  /// Writes what is left and closes the file.
  ///
  /// - Throws: ``ProgramError`` when anything could not be written.
  package func close() throws(ProgramError) {
    let failure = state.withLock { state in
      Self.write(&state)
      if let descriptor = state.descriptor, Glibc.close(descriptor) != 0, state.failure == nil {
        state.failure = errno
      }
      state.descriptor = nil
      return state.failure
    }
    if let failure { throw .system("cannot write \(path)", code: failure) }
  }

  private static func write(_ state: inout State) {
    defer { state.gathered.removeAll(keepingCapacity: true) }
    guard let descriptor = state.descriptor, state.failure == nil else { return }
    var rest = state.gathered[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count >= 0 {
        rest = rest.dropFirst(count)
      } else if errno != EINTR {
        state.failure = errno
        return
      }
    }
  }
}
