package import CloudstateModel
package import CommandLineKit
import DynamicProtobuf
import GRPCTransport
import NIOCore

/// Carries out a ``SendPlan``.
package struct SendRun: Sendable {
  let plan: SendPlan
  let session: ClientSession
  let console: Console
  let wallClock: @Sendable () -> Timestamp

  /// - Parameter wallClock: the time of day, for templates.
  package init(
    plan: SendPlan, session: ClientSession, console: Console,
    wallClock: @escaping @Sendable () -> Timestamp
  ) {
    self.plan = plan
    self.session = session
    self.console = console
    self.wallClock = wallClock
  }

  /// Discovers the method, sends, prints. A load run ends early, with its summary, when the task is
  /// cancelled.
  ///
  /// - Returns: the exit status, of the first failure when there were several commands.
  /// - Throws: ``ProgramError``; `OutputClosed` when standard output was closed.
  package func run() async throws -> ExitStatus {
    let discovery = try await session.discover(persistent: plan.retry.isEnabled)
    let method = try await resolve(discovery)
    let report = try plan.reportPath.map { path throws(ProgramError) in try ReportFile(path: path) }
    let status =
      switch plan.mode {
      case .single: try await sendOne(method, discovery, report)
      case .lines(let concurrency):
        try await sendLines(method, discovery, report, concurrency: concurrency)
      case .load(let schedule, let concurrency):
        try await sendLoad(method, discovery, report, schedule, concurrency: concurrency)
      }
    try report?.close()
    return status
  }

  private func resolve(
    _ discovery: ClientSession.Discovery
  ) async throws(ProgramError) -> MethodCatalog.Entry {
    let method = try discovery.catalog.resolve(plan.target)
    if case .subject(let wanted, _) = plan.target, let served = await session.serviceName(),
      served != wanted
    {
      throw ProgramError(
        "the servers run the service '\(served)', not '\(wanted)'",
        hint: "cs.cmd.\(served).\(method.method)", status: .notFound)
    }
    return method
  }

  /// The factory of commands whose body is that of the plan.
  func factory(
    _ method: MethodCatalog.Entry, _ discovery: ClientSession.Discovery
  ) async throws -> CommandFactory {
    let text =
      switch plan.body {
      case .text(let text): text
      case .file(let path): try readFile(path, status: .usage)
      case .standardInput: try await StandardInput.all(console)
      }
    let body =
      plan.usesTemplates ? try CommandTemplate(text) : CommandTemplate(verbatim: text)
    return try factory(method, discovery, body: body)
  }

  /// The factory of commands with this body.
  func factory(
    _ method: MethodCatalog.Entry, _ discovery: ClientSession.Discovery, body: CommandTemplate
  ) throws(ProgramError) -> CommandFactory {
    try CommandFactory(
      method: method, pool: discovery.pool, body: body, headers: plan.headers, keys: plan.keys,
      wallClock: wallClock)
  }

  /// A sender over one event loop that begins with the server that was discovered.
  func sender(_ discovery: ClientSession.Discovery) async throws -> CommandSender {
    let eventLoop = session.group.next()
    return try await eventLoop.submit {
      CommandSender(dispatcher(on: eventLoop, startingWith: discovery.serverIndex))
    }.get()
  }

  /// A dispatcher over connections of its own; called on the event loop.
  func dispatcher(on eventLoop: any EventLoop, startingWith first: Int) -> CommandDispatcher {
    CommandDispatcher(
      links: ServerLinks(
        addresses: session.addresses, startingWith: first, on: eventLoop,
        connect: session.connect),
      policy: plan.retry, timeout: session.timeout)
  }

  /// Prints one outcome, except for failures in text form.
  ///
  /// - Parameter line: which line of the input the command was, where there are many.
  func print(
    _ outcome: CommandOutcome, of command: PreparedCommand, _ factory: CommandFactory,
    line: Int? = nil
  ) throws {
    let reply = outcome.reply.map(factory.replyJSON)
    switch plan.output {
    case .json: try console.output(outcome.json(of: command, reply: reply, line: line).compact)
    case .raw: if let reply { try console.output(reply) }
    case .text:
      if let reply { try console.output(reply) }
      if let remark = outcome.remark {
        if outcome.commitment?.isDuplicate == true {
          console.info(remark)
        } else {
          console.detail(remark)
        }
      }
    }
  }
}
