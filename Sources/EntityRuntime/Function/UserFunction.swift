import CloudstateProtocol
package import GRPCTransport
package import Logging
package import NIOCore
import SwiftProtobuf

/// The user function beside this node: one connection per event loop, and discovery.
package final class UserFunction: Sendable {
  /// Bounds and times of the hop to the function.
  package struct Configuration: Sendable {
    package var client = GRPCClientConfiguration()
    /// How long commands wait for a function that is down. Default 30 s.
    package var connectTimeout: TimeAmount = .seconds(30)
    /// How long one discovery call may take. Default 10 s.
    package var discoveryTimeout: TimeAmount = .seconds(10)
    /// Delay before discovery is tried again; doubles up to `maximumBackoff`. Default 100 ms: a function that
    /// is just starting is found at once.
    package var minimumBackoff: Duration = .milliseconds(100)
    /// Default 10 s, as the reference.
    package var maximumBackoff: Duration = .seconds(10)

    package init() {}
  }

  package let target: GRPCAddress
  private let configuration: Configuration
  private let loops: [any EventLoop]
  private let boundLinks: [NIOLoopBound<UserFunctionLink>]
  private let logger: Logger
  /// An element each time a connection to the function is back after a loss; only the newest is kept.
  package let reconnections: AsyncStream<Void>

  package init(
    target: GRPCAddress, loops: [any EventLoop], configuration: Configuration, logger: Logger
  ) async throws {
    let (reconnections, continuation) = AsyncStream<Void>.makeStream(
      bufferingPolicy: .bufferingNewest(1))
    var links: [NIOLoopBound<UserFunctionLink>] = []
    for loop in loops {
      let link = try await loop.submit {
        NIOLoopBound(
          UserFunctionLink(
            target: target, eventLoop: loop, connectTimeout: configuration.connectTimeout,
            configuration: configuration.client, logger: logger,
            reconnected: { continuation.yield() }),
          eventLoop: loop)
      }.get()
      links.append(link)
    }
    self.target = target
    self.loops = loops
    self.boundLinks = links
    self.configuration = configuration
    self.logger = logger
    self.reconnections = reconnections
  }

  /// The function as each event loop sees it, in the order of the loops.
  package func links() async throws -> [NIOLoopBound<any FunctionLink>] {
    var links: [NIOLoopBound<any FunctionLink>] = []
    for (loop, link) in zip(loops, boundLinks) {
      links.append(
        try await loop.submit { NIOLoopBound(link.value as any FunctionLink, eventLoop: loop) }
          .get())
    }
    return links
  }

  /// Asks the function what it serves, again and again until it answers, and validates the answer.
  ///
  /// - Throws: ``DiscoveryError`` if the answer is invalid; the function has then been told by
  ///   `reportError`. `CancellationError` when the task is cancelled.
  package func discover(policy: DiscoveryPolicy) async throws -> ServiceSpec {
    var backoff = configuration.minimumBackoff
    while true {
      do {
        return try await validate(try await callDiscover(policy: policy), policy: policy)
      } catch let status as GRPCStatus {
        logger.info(
          "the user function at \(target) does not answer discovery yet: \(status.message)")
        try await Task.sleep(for: backoff * Double.random(in: 0.8...1.2))
        backoff = min(backoff * 2, configuration.maximumBackoff)
      }
    }
  }

  private func callDiscover(policy: DiscoveryPolicy) async throws -> [UInt8] {
    try Task.checkCancellation()
    let (loop, link) = (loops[0], boundLinks[0])
    let timeout = configuration.discoveryTimeout
    return try await withCheckedThrowingContinuation { continuation in
      loop.execute {
        link.value.discover(ProxyAnnouncement.message(policy: policy), timeout: timeout) {
          continuation.resume(with: $0.map { [UInt8](buffer: $0) })
        }
      }
    }
  }

  private func validate(
    _ answer: [UInt8], policy: DiscoveryPolicy
  ) async throws -> ServiceSpec {
    do {
      let spec: Cloudstate_EntitySpec
      do {
        spec = try Cloudstate_EntitySpec(serializedBytes: answer)
      } catch {
        throw DiscoveryError("The discovery answer is not an EntitySpec: \(error)")
      }
      return try ServiceSpec.validate(spec, policy: policy)
    } catch {
      await reportLast("\(error)")
      throw error
    }
  }

  /// Sends `reportError` and waits until the function has it, but not for long: what follows ends the
  /// connection, and the words with it.
  package func reportLast(_ text: String) async {
    let (loop, link) = (loops[0], boundLinks[0])
    await withCheckedContinuation { continuation in
      loop.execute {
        link.value.report(text, timeout: .seconds(2)) { continuation.resume() }
      }
    }
  }

  /// Sends `reportError`, best effort.
  package func report(_ text: String) {
    let link = boundLinks[0]
    loops[0].execute { link.value.report(text) }
  }

  /// Ends the connections; streams end with UNAVAILABLE.
  package func close() {
    for (loop, link) in zip(loops, boundLinks) {
      loop.execute { link.value.close() }
    }
  }
}
