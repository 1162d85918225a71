import CommandLineKit
import GRPCTransport
import Logging
import NIOPosix

/// Carries out cases for which the kit plays the user function: starts a proxy for each of them.
struct ScriptedRun: Sendable {
  let proxy: ProxyCommand
  let limit: Duration
  let logger: Logger

  /// How long a proxy may take to serve, also one that has to ask its function several times.
  private let startLimit = Duration.seconds(20)

  init(proxy: ProxyCommand, limit: Duration, logger: Logger) {
    self.proxy = proxy
    self.limit = limit
    self.logger = logger
  }

  func run(_ procedure: ScriptedProcedure) async throws(CaseFailure) {
    do {
      let folder = try ScratchFolder()
      let function = try await ScriptedFunction.start(
        procedure.spec(), refusals: procedure.refusals, logger: logger)
      let outcome = await result(procedure, function, folder.path)
      await function.stop()
      try outcome.get()
    } catch let failure as CaseFailure {
      throw failure
    } catch {
      throw CaseFailure(step: "start", expected: "a proxy", received: "\(error)")
    }
  }

  private func result(
    _ procedure: ScriptedProcedure, _ function: ScriptedFunction, _ folder: String
  ) async -> Result<Void, any Error> {
    do {
      let port = try freePort()
      let command = try proxy.command(
        link: function.address, port: port, data: "\(folder)/data")
      let process = try await KitProcess.start(command, log: "\(folder)/log")
      let address = GRPCAddress.tcp(host: "127.0.0.1", port: port)
      let outcome: Result<Void, any Error>
      do {
        let client = procedure.serves ? try await connected(address, process, function) : nil
        let scene = ScriptedScene(
          function: function, client: client, address: address, limit: limit,
          isRunning: { process.isRunning })
        do {
          try await procedure.run(scene)
          outcome = .success(())
        } catch { outcome = .failure(error) }
        await client?.close()
      } catch { outcome = .failure(error) }
      // Nothing of it is kept, and its streams may still be open.
      await process.stop(within: .zero)
      return outcome
    } catch { return .failure(error) }
  }

  private func connected(
    _ address: GRPCAddress, _ process: KitProcess, _ function: ScriptedFunction
  ) async throws -> GRPCAsyncClient {
    let clock = ContinuousClock()
    let end = clock.now + startLimit
    while true {
      do {
        return try await GRPCAsyncClient.connect(
          target: address, group: MultiThreadedEventLoopGroup.singleton, logger: logger)
      } catch {
        guard clock.now < end, process.isRunning else {
          var received = process.isRunning ? "none within \(startLimit)" : "its end"
          if let report = await function.reports.next(within: .zero) {
            received += "; it reported: \(report)"
          } else {
            received += "; it wrote: \(process.lastLines())"
          }
          throw CaseFailure(
            step: "start", expected: "the proxy to serve at \(address)", received: received)
        }
        try await clock.sleep(for: .milliseconds(20))
      }
    }
  }
}
