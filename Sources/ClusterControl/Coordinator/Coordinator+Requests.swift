import CloudstateModel
import CloudstateProtocol
import MessageBus
import NIOCore

// What the coordinator is asked: by nodes over the bus, and by operators. On the loop.

extension Coordinator {
  func register(_ request: BusRequest, at arrival: Moment) {
    guard !state.value.isSilent else { return refuse(request) }
    let registration: Registration
    do {
      registration = try Registration(
        Cloudstate_Internal_Cluster_RegisterRequest(reading: request.payload))
    } catch {
      return request.answer(.success(RegistrationAnswer.refused(error.message).message.encoded))
    }
    guard registration.info.node == request.source else {
      let refusal = "node \(request.source) cannot register as \(registration.info.node)"
      return request.answer(.success(RegistrationAnswer.refused(refusal).message.encoded))
    }
    state.value.lastTicket += 1
    let ticket = state.value.lastTicket
    state.value.requests[ticket] = request
    perform(state.value.machine.register(registration, ticket: ticket, at: arrival))
  }

  func heartbeat(_ request: BusRequest, at arrival: Moment) {
    guard !state.value.isSilent else { return refuse(request) }
    let report: HeartbeatReport
    do {
      report = try HeartbeatReport(Cloudstate_Internal_Cluster_Heartbeat(reading: request.payload))
      guard report.node == request.source else {
        throw malformed("node \(request.source) sends the heartbeat of \(report.node)")
      }
    } catch {
      return request.answer(.failure(BusError(.rejected, "\(error)")))
    }
    let (answer, directives) = state.value.machine.heartbeat(report, at: arrival)
    request.answer(.success(answer.message.encoded))
    perform(directives)
  }

  func takeReports(_ request: BusRequest, at arrival: Moment) {
    guard !state.value.isSilent else { return refuse(request) }
    let message: ShardsReport
    do {
      message = try ShardsReport(Cloudstate_Internal_Cluster_ShardsReport(reading: request.payload))
      guard message.node == request.source else {
        throw malformed("node \(request.source) sends the reports of \(message.node)")
      }
    } catch {
      return request.answer(.failure(BusError(.rejected, "\(error)")))
    }
    let (answer, directives) = state.value.machine.shardsReported(message, at: arrival)
    request.answer(.success(answer.message.encoded))
    perform(directives)
  }

  private func refuse(_ request: BusRequest) {
    request.answer(.failure(BusError(.closed, "the coordinator does not serve")))
  }

  // MARK: Operators

  /// Carries an operator's request out; returns when the outcome is durable.
  ///
  /// - Throws: ``ClusterError`` with `.stopped` if the coordinator does not serve any more.
  package func operate(_ request: OperatorRequest) async throws -> OperatorAnswer {
    try await submit(request).get()
  }

  /// As ``operate(_:)``. Any thread.
  func submit(_ request: OperatorRequest) -> EventLoopFuture<OperatorAnswer> {
    loop.eventLoop.flatSubmit { [self] in
      let promise = loop.eventLoop.makePromise(of: OperatorAnswer.self)
      if state.value.isSilent {
        promise.fail(ClusterError(.stopped, "the coordinator does not serve"))
      } else {
        state.value.lastTicket += 1
        let ticket = state.value.lastTicket
        state.value.operators[ticket] = { promise.completeWith($0.mapError { $0 as any Error }) }
        perform(state.value.machine.operate(request, ticket: ticket, at: .now()))
      }
      return promise.futureResult
    }
  }
}
