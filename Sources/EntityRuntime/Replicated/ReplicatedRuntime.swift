package import CloudstateModel
package import Logging
package import NIOCore

/// Runs side effects that have no caller: the effects, the service they come from, and the loop they start on.
package typealias EffectRunner = @Sendable ([SideEffect], String, any EventLoop) -> Void

/// Settings of the replicated entities of one node.
package struct ReplicatedRuntimeConfiguration: Sendable {
  /// What discovery says of a service of replicated entities.
  package struct Service: Sendable {
    package var dialect: CrdtDialect
    /// `nil` for the node's setting.
    package var passivationTimeout: Duration?

    package init(dialect: CrdtDialect, passivationTimeout: Duration? = nil) {
      self.dialect = dialect
      self.passivationTimeout = passivationTimeout
    }
  }

  /// By service name.
  package var services: [String: Service] = [:]
  package var limits = ReplicatedEntityMachine.Limits()
  /// Idle time after which an entity is put away. Default 30 s, as the reference.
  package var passivationTimeout: Duration = .seconds(30)
  /// How long the function may take for one answer. Default 1 min.
  package var commandTimeout: Duration = .seconds(60)
  /// How long the function may take to close its side of a half-closed stream. Default 10 s.
  package var closeTimeout: Duration = .seconds(10)
  /// Entity streams the function can serve at once over all event loops; `nil` for no limit.
  package var maximumStreams: Int?
  /// Entities that may wait for a stream on one event loop; the next one's commands are refused.
  package var waitingEntities = 10_000
  /// Whether clients' headers reach the function as `Command.metadata`. Default off, as the reference.
  package var passesMetadata = false

  package init() {}

  func passivationTimeout(of serviceName: String) -> Duration {
    services[serviceName]?.passivationTimeout ?? passivationTimeout
  }
}

/// All replicated entities of one node: hands each command to the event loop that its entity belongs to. Commands
/// run on the node that received them (proxy behaviour, section 9.1).
///
/// May be used from any thread.
package final class ReplicatedRuntime: Sendable {
  private let hosts: [NIOLoopBound<ReplicatedHost>]
  private let loops: [any EventLoop]

  /// - Parameters:
  ///   - replicas: this node's copies as each event loop sees them, bound to that loop, in the order of
  ///     `loops`; an entity's is at its index, see ``EntityKey/loopIndex(of:)``.
  ///   - functions: the user function likewise.
  package init(
    configuration: ReplicatedRuntimeConfiguration, replicas: [NIOLoopBound<any ReplicaPort>],
    functions: [NIOLoopBound<any FunctionLink>], loops: [any EventLoop],
    effects: @escaping EffectRunner, counters: EntityCounters, logger: Logger
  ) async throws {
    var hosts: [NIOLoopBound<ReplicatedHost>] = []
    for (index, loop) in loops.enumerated() {
      let (port, function) = (replicas[index], functions[index])
      // At least one each: an entity cannot go to another loop than its copy.
      let capacity = configuration.maximumStreams.map { limit in
        max(1, limit / loops.count + (index < limit % loops.count ? 1 : 0))
      }
      hosts.append(
        try await loop.submit {
          NIOLoopBound(
            ReplicatedHost(
              eventLoop: loop, configuration: configuration, capacity: capacity,
              replicas: port.value, function: function.value, effects: effects,
              counters: counters, logger: logger),
            eventLoop: loop)
        }.get())
    }
    self.hosts = hosts
    self.loops = loops
  }

  /// Takes a command that has one answer. `completion` is called exactly once, on the entity's event loop.
  package func submit(
    _ command: EntityCommand, completion: @escaping @Sendable (CommandAnswer) -> Void
  ) {
    let index = command.entity.loopIndex(of: loops.count)
    let host = hosts[index]
    Self.run(on: loops[index]) {
      _ = host.value.submit(command, isStreamed: false) { news in
        switch news {
        case .answer(let answer, _): completion(answer)
        case .end(let error):
          completion(error.map(CommandAnswer.error) ?? CommandAnswer(.reply(nil)))
        }
      }
    }
  }

  /// Takes a streamed command. `caller` hears of it on the entity's event loop, until its end or until the answer
  /// is called: then its client has gone.
  package func open(
    _ command: EntityCommand, caller: @escaping @Sendable (CallerNews) -> Void
  ) -> @Sendable () -> Void {
    let index = command.entity.loopIndex(of: loops.count)
    let (loop, host) = (loops[index], hosts[index])
    let ticket = NIOLoopBoundBox<CommandTicket?>.makeBoxSendingValue(nil, eventLoop: loop)
    Self.run(on: loop) {
      ticket.value = host.value.submit(command, isStreamed: true, caller: caller)
    }
    return {
      Self.run(on: loop) {
        if let ticket = ticket.value { host.value.cancel(ticket) }
      }
    }
  }

  private static func run(on loop: any EventLoop, _ body: @escaping @Sendable () -> Void) {
    if loop.inEventLoop { body() } else { loop.execute(body) }
  }

  /// Accepts nothing new, lets entities finish what they were asked, at most for `grace`.
  package func stop(grace: Duration) async {
    await HostShutdown.stop(hosts, on: loops, grace: grace)
  }
}
