import CloudstateModel
import GRPCTransport
import Ingress
import NIOPosix
import Synchronization
import TestSupport
import Testing

@Suite("The way into a node before, while and after it serves")
struct LocalAccessTests {
  private let access = LocalAccess()
  private let calls = LocalCalls(
    ingress: Ingress(
      configuration: IngressConfiguration(), service: shop, routes: [],
      dispatcher: HeldDispatcher(), mounts: [],
      report: { _ in }),
    loops: [MultiThreadedEventLoopGroup.singleton.next()], maximumMessageBytes: 1,
    place: { _ in 0 })

  private func failure(within timeout: Duration? = nil) async -> CallFailure? {
    if case .failure(let failure) = await access.calls(within: timeout) { failure } else { nil }
  }

  @Test("Calls wait until the node is ready", arguments: [nil, Duration.seconds(60)])
  func waiting(timeout: Duration?) async throws {
    let task = Task { try await access.calls(within: timeout).get() === calls }
    #expect(access.begin())
    access.prepare(calls)
    // Not ready yet: another one still waits in vain.
    #expect(await failure(within: .milliseconds(1))?.errorCode == "timeout")
    access.open()
    #expect(try await task.value)
    #expect(try await access.calls(within: timeout).get() === calls)
  }

  @Test("A task that is cancelled waits no longer", arguments: [nil, Duration.seconds(60)])
  func cancellation(timeout: Duration?) async {
    let task = Task { await failure(within: timeout) }
    task.cancel()
    #expect(await task.value == LocalCalls.cancelled)
  }

  @Test("A node that stops, also before it was ready, fails what waits and what comes")
  func stopping() async {
    #expect(access.begin())
    let task = Task { await failure() }
    access.stop()
    #expect(await task.value == LocalCalls.stopping)
    access.prepare(calls)
    access.open()
    #expect(await failure() == LocalCalls.stopping)
  }

  @Test("One node at a time, and another when it has ended")
  func again() async throws {
    #expect(access.begin())
    #expect(!access.begin())
    access.end()
    #expect(access.begin())
    access.prepare(calls)
    access.open()
    #expect(try await access.calls(within: nil).get() === calls)
  }
}
