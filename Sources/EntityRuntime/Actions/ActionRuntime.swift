package import CloudstateModel
package import NIOCore

/// Calls the actions of the user function. Actions have no state and no owner: a call runs on the node, and
/// on the event loop, that received it (proxy behaviour, section 10).
package final class ActionRuntime: Sendable {
  private let links: [NIOLoopBound<any FunctionLink>]
  private let loops: [any EventLoop]
  /// Services of functions that speak the protocol before 0.2.
  private let statelessFunctions: Set<String>
  private let unaryTimeout: TimeAmount
  private let meter: (any WorkMeter)?

  /// - Parameters:
  ///   - links: the user function as each event loop sees it, in the order of `loops`.
  ///   - unaryTimeout: how long a call that asks for one response may take when its caller sets no deadline.
  ///   - meter: is told of calls that ask for one response.
  package init(
    links: [NIOLoopBound<any FunctionLink>], loops: [any EventLoop],
    statelessFunctions: Set<String>, unaryTimeout: TimeAmount, meter: (any WorkMeter)? = nil
  ) {
    self.meter = meter
    self.links = links
    self.loops = loops
    self.statelessFunctions = statelessFunctions
    self.unaryTimeout = unaryTimeout
  }

  /// Opens a call. `eventLoop` is one of the runtime's, and the current one.
  package func open(
    _ request: ActionRequest, on eventLoop: any EventLoop, owner: any ActionCallOwner
  ) -> any ActionCall {
    let index = loops.firstIndex { $0 === eventLoop } ?? loops.startIndex
    let call = FunctionActionCall(
      codec: ActionCodec(
        dialect: statelessFunctions.contains(request.serviceName) ? .statelessFunction : .action,
        request: request),
      link: links[index].value, owner: owner, meter: meter)
    var deadline = request.deadline.map(NIODeadline.uptimeNanoseconds)
    if deadline == nil, request.shape == .unary { deadline = .now() + unaryTimeout }
    call.open(deadline: deadline)
    return call
  }

  /// Makes a call with one request and answers its first response. `completion` is called exactly once, on
  /// `eventLoop`, and not from within this call.
  package func call(
    _ request: ActionRequest, payload: [UInt8], on eventLoop: any EventLoop,
    completion: @escaping (CommandAnswer) -> Void
  ) {
    var request = request
    // Also where many responses may come: this waits for the first.
    request.deadline =
      request.deadline ?? (NIODeadline.now() + unaryTimeout).uptimeNanoseconds
    SingleResponse.call(payload, completion: completion) {
      open(request, on: eventLoop, owner: $0)
    }
  }
}

/// Waits for the first response of a call, and keeps itself and the call alive until then.
package final class SingleResponse: ActionCallOwner {
  private var call: (any ActionCall)?
  private var completion: ((CommandAnswer) -> Void)?

  private init(_ completion: @escaping (CommandAnswer) -> Void) { self.completion = completion }

  /// Makes a call with one request. `completion` is called exactly once, as the call calls its owner.
  package static func call(
    _ payload: [UInt8], completion: @escaping (CommandAnswer) -> Void,
    open: (any ActionCallOwner) -> any ActionCall
  ) {
    let single = SingleResponse(completion)
    let call = open(single)
    single.call = call
    call.send(payload)
    call.end()
  }

  package func received(_ answer: CommandAnswer) { finish(answer) }

  package func functionWritabilityChanged(_ isWritable: Bool) {}

  package func ended(_ error: CommandError?) {
    finish(error.map(CommandAnswer.error) ?? CommandAnswer(.reply(nil)))
  }

  private func finish(_ answer: CommandAnswer) {
    let completion = completion
    self.completion = nil
    call?.cancel()
    call = nil
    completion?(answer)
  }
}
