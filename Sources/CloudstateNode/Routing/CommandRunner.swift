import CloudstateModel
import EntityRuntime
import Ingress
import NIOCore

/// Runs commands with everything that follows from them: side effects, one after the other, then the forward
/// or the reply (proxy behaviour, section 6). What a command changed is durable before any of it begins, and
/// is not undone by it.
///
/// Runs on the node that the client asked. Effects never change the result of their command: what goes wrong
/// with them is reported to the user function.
final class CommandRunner: CommandDispatcher {
  private let router: CommandRouter
  private let actions: ActionRuntime
  /// `nil` where no entity is replicated.
  private let replicated: ReplicatedRuntime?
  private let methods: EntityMethods
  /// What the function does not serve itself.
  private let elsewhere: TopologyCalls
  private let report: @Sendable (String) -> Void
  /// Is told of clients' commands.
  private let meter: any WorkMeter

  /// - Parameter report: tells the user function and the log what went wrong.
  init(
    router: CommandRouter, actions: ActionRuntime, replicated: ReplicatedRuntime?,
    methods: EntityMethods, elsewhere: TopologyCalls, meter: any WorkMeter,
    report: @escaping @Sendable (String) -> Void
  ) {
    self.router = router
    self.actions = actions
    self.replicated = replicated
    self.methods = methods
    self.elsewhere = elsewhere
    self.meter = meter
    self.report = report
  }

  // MARK: From the ingress

  func dispatch(
    _ command: EntityCommand, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (CommandAnswer) -> Void
  ) {
    let start = NIODeadline.now().uptimeNanoseconds
    meter.begin(at: start)
    run(command, on: eventLoop) { [meter] answer in
      meter.end(begunAt: start, at: NIODeadline.now().uptimeNanoseconds)
      completion(answer)
    }
  }

  private func run(
    _ command: EntityCommand, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (CommandAnswer) -> Void
  ) {
    route(command, on: eventLoop) { answer in
      guard answer.leadsOn else { return completion(answer) }
      let chain = CommandChain(
        name: "\(command.serviceName).\(command.method)", deadline: command.deadline,
        idempotencyKey: command.idempotencyKey)
      self.follow(answer, of: chain, on: eventLoop, completion: completion)
    }
  }

  func open(
    _ request: ActionRequest, on eventLoop: any EventLoop, owner: any ActionCallOwner
  ) -> any ActionCall {
    guard
      case .entityStream(let persistenceID, let read) =
        methods[request.serviceName, request.method]?.target, let replicated
    else { return actions.open(request, on: eventLoop, owner: owner) }
    return ReplicatedCall(eventLoop: eventLoop, owner: owner) { payload, caller in
      Self.entityID(read, payload).map { entityID in
        replicated.open(
          EntityCommand(
            serviceName: request.serviceName, method: request.method,
            entity: EntityKey(persistenceID: persistenceID, entityID: entityID),
            payloadTypeURL: request.payloadTypeURL, payload: payload, metadata: request.metadata,
            deadline: request.deadline),
          caller: caller)
      }
    }
  }

  private static func entityID(
    _ read: IngressRoute.EntityIDReader, _ payload: [UInt8]
  ) -> Result<String, CommandError> {
    do {
      let entityID = try payload.withUnsafeBytes { try read($0) }
      guard !entityID.isEmpty else {
        return .failure(
          CommandError(
            .invalidArgument,
            "the entity key of the request is empty; set its fields that are marked as entity_key"))
      }
      return .success(entityID)
    } catch {
      return .failure(
        CommandError(.invalidArgument, "the request is not a valid message: \(error)"))
    }
  }

  /// Brings a command to its entity: to the owner of its shard, or to the copy on this node.
  private func route(
    _ command: EntityCommand, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (CommandAnswer) -> Void
  ) {
    guard let replicated, methods.isReplicated(command.serviceName) else {
      return router.route(command, on: eventLoop, completion: completion)
    }
    replicated.submit(command) { answer in
      if eventLoop.inEventLoop {
        completion(answer)
      } else {
        eventLoop.execute { completion(answer) }
      }
    }
  }

  /// Runs side effects of a replicated entity that have no caller.
  func run(
    _ effects: [SideEffect], of serviceName: String, on eventLoop: any EventLoop
  ) {
    let chain = CommandChain(name: serviceName, deadline: nil, idempotencyKey: nil)
    follow(
      CommandAnswer(.reply(nil), effects: effects), of: chain, on: eventLoop, completion: { _ in })
  }

  func settle(
    _ answer: CommandAnswer, of request: ActionRequest, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (CommandAnswer) -> Void
  ) {
    guard answer.leadsOn else { return completion(answer) }
    let chain = CommandChain(
      name: "\(request.serviceName).\(request.method)", deadline: request.deadline,
      idempotencyKey: nil)
    follow(answer, of: chain, on: eventLoop, completion: completion)
  }

  // MARK: What follows

  /// Runs the side effects of an answer, then its forward if it is one. The answer that `completion` gets is
  /// a reply, a failure or an error.
  func follow(
    _ answer: CommandAnswer, of chain: CommandChain, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (CommandAnswer) -> Void
  ) {
    var answer = answer
    if answer.effects.count > CommandChain.maximumFollowers {
      report(
        "\(chain.name) asks for \(answer.effects.count) side effects at once; at most "
          + "\(CommandChain.maximumFollowers) are run, so none of them was" + chain.trace)
      answer.effects = []
    }
    let followers = answer.followers
    runEffects(answer.effects, of: chain, followers: followers, on: eventLoop) { [answer] in
      guard case .forward(let call) = answer.outcome else {
        return completion(CommandAnswer(answer.outcome, commitment: answer.commitment))
      }
      let forwarded = chain.forwarded(to: call, of: followers)
      self.run(call, in: forwarded, on: eventLoop) { result in
        switch result {
        case .success(var final):
          final.commitment = answer.commitment ?? final.commitment
          completion(final)
        case .failure(let error):
          self.report(error.message + forwarded.trace)
          completion(
            CommandAnswer(.error(error.seenByClient), commitment: answer.commitment))
        }
      }
    }
  }

  private func runEffects(
    _ effects: [SideEffect], of chain: CommandChain, followers: Int, on eventLoop: any EventLoop,
    completion: @escaping @Sendable () -> Void
  ) {
    let sequence = EffectSequence(
      effects, on: eventLoop,
      start: { effect, index, ended in
        let own = chain.effect(effect.call, index: index, of: followers)
        self.run(effect.call, in: own, on: eventLoop) { result in
          switch result {
          case .success(let answer):
            if case .error(let error) = answer.outcome {
              self.report("Side effect \(own.name) failed: \(error.message)" + own.trace)
            }
          case .failure(let error):
            self.report(error.message + own.trace)
          }
          ended()
        }
      }, completion: completion)
    sequence.begin()
  }

  /// Runs a command that the function asked for, or that an event is handed over with, with everything that
  /// follows from it.
  func run(
    _ call: FunctionCall, in chain: CommandChain, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (Result<CommandAnswer, RoutingError>) -> Void
  ) {
    if !chain.isTooLong, !methods.serves(call.serviceName) {
      return elsewhere.call(call, in: chain, on: eventLoop, completion: completion)
    }
    let route: IngressRoute
    do throws(RoutingError) {
      route = try find(call, chain)
      try start(call, route: route, chain, on: eventLoop) { answer in
        guard answer.leadsOn else { return completion(.success(answer)) }
        self.follow(answer, of: chain, on: eventLoop) { completion(.success($0)) }
      }
    } catch {
      completion(.failure(error))
    }
  }

  /// The method that a call is for.
  func find(
    _ call: FunctionCall, _ chain: CommandChain
  ) throws(RoutingError) -> IngressRoute {
    guard !chain.isTooLong else {
      throw RoutingError(
        "\(call) is more than \(CommandChain.maximumSteps) forwards and side effects away from the "
          + "client's command, or one of more than \(CommandChain.maximumFollowers) that follow from it; is "
          + "this a circle?", isCircle: true)
    }
    guard methods.serves(call.serviceName) else {
      throw RoutingError("Service [\(call.serviceName)] unknown")
    }
    guard let route = methods[call.serviceName, call.method] else {
      throw RoutingError(
        "Service [\(call.serviceName)] does not have a command named: [\(call.method)]")
    }
    return route
  }

  private func start(
    _ call: FunctionCall, route: IngressRoute, _ chain: CommandChain, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (CommandAnswer) -> Void
  ) throws(RoutingError) {
    switch route.target {
    case .entity(let persistenceID, let read):
      let entityID: String
      do {
        entityID = try call.payload.withUnsafeBytes { try read($0) }
      } catch {
        throw RoutingError("The payload for \(call) is not a valid message: \(error)")
      }
      guard !entityID.isEmpty else {
        throw RoutingError("The entity key in the payload for \(call) is empty")
      }
      var command = EntityCommand(
        serviceName: call.serviceName, method: call.method,
        entity: EntityKey(persistenceID: persistenceID, entityID: entityID),
        payloadTypeURL: call.payloadTypeURL, payload: call.payload, metadata: call.metadata,
        idempotencyKey: chain.idempotencyKey, deadline: chain.deadline)
      // Clients do not come this way: the first of a chain is the call that hands an event over.
      command.metadataIsForFunction = chain.isFirst
      self.route(command, on: eventLoop, completion: completion)
    case .entityStream:
      // The first answer is what there is to answer; then the caller leaves.
      let request = ActionRequest(
        serviceName: call.serviceName, method: call.method, shape: .streamedOut,
        payloadTypeURL: call.payloadTypeURL, metadata: call.metadata, deadline: chain.deadline)
      SingleResponse.call(call.payload, completion: completion) {
        open(request, on: eventLoop, owner: $0)
      }
    case .action(let shape):
      actions.call(
        ActionRequest(
          serviceName: call.serviceName, method: call.method, shape: shape,
          payloadTypeURL: call.payloadTypeURL, metadata: call.metadata, deadline: chain.deadline),
        payload: call.payload, on: eventLoop, completion: completion)
    }
  }
}

/// A forward or side effect that cannot be started.
struct RoutingError: Error {
  /// For the user function.
  let message: String
  let isCircle: Bool

  init(_ message: String, isCircle: Bool = false) {
    self.message = message
    self.isCircle = isCircle
  }

  /// Clients learn nothing of the function's insides (proxy behaviour, section 6.4).
  var seenByClient: CommandError {
    isCircle
      ? CommandError(.tooManyHops, "the command was forwarded too many times")
      : CommandError(.routingFailed, "Error")
  }
}

extension CommandAnswer {
  /// How many commands follow from this answer.
  fileprivate var followers: Int {
    if case .forward = outcome { effects.count + 1 } else { effects.count }
  }

  /// Whether there is more to do before the outcome is the client's.
  fileprivate var leadsOn: Bool { followers > 0 }
}
