import Glibc
import NIOPosix
import Synchronization

/// A bystander on the measured disk: writes a block and syncs it now and then, and notes how long that took. Where it
/// stands still although nothing else asks anything of it, so did the machine.
final class SyncWatch: Sendable {
  /// `nil` where it could not be watched.
  private let longest = Mutex<Duration?>(.zero)
  private let isEnded = Atomic(false)
  private let pool = NIOThreadPool(numberOfThreads: 1)

  /// - Parameter folder: on the disk to watch; gets a file of one block.
  init(folder: String) {
    pool.start()
    pool.submit { [self] state in
      guard state == .active else { return }
      watch("\(folder)/watch")
    }
  }

  private func watch(_ path: String) {
    let file = open(path, O_CREAT | O_WRONLY, 0o600)
    defer { if file >= 0 { close(file) } }
    let block = [UInt8](repeating: 7, count: 4096)
    while !isEnded.load(ordering: .relaxed) {
      let start = ContinuousClock.now
      guard pwrite(file, block, block.count, 0) == block.count, fdatasync(file) == 0 else {
        return longest.withLock { $0 = nil }
      }
      let took = ContinuousClock.now - start
      longest.withLock { longest in longest = longest.map { max($0, took) } }
      usleep(20_000)
    }
  }

  /// The longest sync since the last call; `nil` if it cannot be watched.
  func take() -> Duration? {
    longest.withLock { longest in
      defer { longest = longest.map { _ in .zero } }
      return longest
    }
  }

  func end() async throws {
    isEnded.store(true, ordering: .relaxed)
    try await pool.shutdownGracefully()
  }
}
