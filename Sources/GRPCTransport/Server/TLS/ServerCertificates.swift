import Glibc
package import Logging
package import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// The certificates a server shows, read again when their files change. New connections get what was
/// read last; open ones keep what they began with. Files that cannot be used are reported once for each
/// change, and the last good ones stay. All members may be used from any thread.
package final class ServerCertificates: Sendable {
  /// As given.
  package let settings: GRPCServerTLS
  private let logger: Logger
  private let current: Mutex<NIOSSLContext>
  private let watch: Mutex<FileWatch<[FileStamp?]>>
  private let polling = Mutex<RepeatedTask?>(nil)

  /// Reads the files; blocks.
  ///
  /// - Throws: ``TLSProblem`` naming the file that cannot be used and why.
  package init(_ settings: GRPCServerTLS, logger: Logger) throws(TLSProblem) {
    self.settings = settings
    self.logger = logger
    // Before reading: a change meanwhile is then seen as one.
    let stamps = settings.files.map(FileStamp.init)
    let loaded = try ServerTLSContext(settings)
    current = Mutex(loaded.context)
    watch = Mutex(FileWatch(known: stamps))
    report(loaded.facts)
  }

  /// What a new connection is set up with.
  var context: NIOSSLContext { current.withLock { $0 } }

  /// Looks at the files every `interval` until ``stopWatching()``; reads them on the second look after a
  /// change. Files are read on a thread that may block.
  package func watchFiles(every interval: TimeAmount, on eventLoop: any EventLoop) {
    let task = eventLoop.scheduleRepeatedAsyncTask(initialDelay: interval, delay: interval) { _ in
      NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) { self.look() }
    }
    polling.withLock { $0 = task }
  }

  package func stopWatching() {
    polling.withLock { task in
      task?.cancel()
      task = nil
    }
  }

  /// Looks at the files once; blocks.
  func look() {
    let stamps = settings.files.map(FileStamp.init)
    guard watch.withLock({ $0.saw(stamps) }) else { return }
    do throws(TLSProblem) {
      let loaded = try ServerTLSContext(settings)
      current.withLock { $0 = loaded.context }
      report(loaded.facts)
    } catch {
      logger.error("the changed TLS files are not used, the old ones stay: \(error)")
    }
  }

  private func report(_ facts: CertificateFacts) {
    logger.info("TLS certificate: \(facts.text)")
    if let warning = facts.warning(now: time(nil)) {
      logger.warning("the TLS certificate in \(settings.certificateFile) \(warning)")
    }
  }
}
