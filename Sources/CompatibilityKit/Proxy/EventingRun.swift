import CloudstateProtocol
import GRPCTransport
import NIOCore
import SwiftProtobuf
import TCKProtocol

/// Has an entity emit an event, and watches what the proxy does with it.
struct EventingRun: Sendable {
  static let subscriber = "cloudstate.tck.model.eventlogeventing.EventLogSubscriberModel"
  static let entityOne = "cloudstate.tck.model.eventlogeventing.EventSourcedEntityOne"
  static let entityTwo = "cloudstate.tck.model.eventlogeventing.EventSourcedEntityTwo"

  /// What a step of an event asks for.
  enum Step: Hashable, Sendable {
    case reply(String)
    case forward(String)
  }

  var watch: TrafficWatch
  let entityID: String

  func emit(one step: Step) async throws(CaseFailure) {
    var request = Cloudstate_Tck_Model_Eventlogeventing_EmitEventRequest()
    request.id = entityID
    request.eventOne = oneEvent(step)
    try await emit(request, at: "\(Self.entityOne)/EmitEvent")
  }

  func emit(two texts: [String]) async throws(CaseFailure) {
    var request = Cloudstate_Tck_Model_Eventlogeventing_EmitEventRequest()
    request.id = entityID
    request.eventTwo = twoEvent(texts)
    try await emit(request, at: "\(Self.entityOne)/EmitEvent")
  }

  func emit(json text: String) async throws(CaseFailure) {
    var request = Cloudstate_Tck_Model_Eventlogeventing_JsonEvent()
    request.id = entityID
    request.message = text
    let reply = try await emit(request, at: "\(Self.entityTwo)/EmitJsonEvent")
    guard reply.events.count == 1, reply.events[0].typeURL.hasPrefix("json.cloudstate.io/") else {
      let types = reply.events.map(\.typeURL).joined(separator: ", ")
      throw watch.failure(
        "one event json.cloudstate.io/...", "\(reply.events.count) events \(types)")
    }
  }

  /// Calls the entity, and takes the connection that carries it.
  @discardableResult
  private func emit(
    _ request: some Message, at method: String
  ) async throws(CaseFailure) -> Cloudstate_Eventsourced_EventSourcedReply {
    let answer = await watch.proxy.client.unaryResult(
      path: "/\(method)", message: request.encoded, timeout: watch.limit)
    if case .failure(let error) = answer {
      throw watch.failure("a reply of \(method)", "the gRPC error \(error.status)")
    }
    let service = method.prefix { $0 != "/" }
    let connection = try await watch.announced(EventSourcedMessages.path, " for \(service)")
    let start: EventSourcedMessages.Input = try await watch.message(
      connection.incoming, "I of \(service), \(entityID)")
    guard start.init_p.serviceName == service, start.init_p.entityID == entityID else {
      throw watch.failure("I of \(service), \(entityID)", EventSourcedMessages.describe(start))
    }
    let command: EventSourcedMessages.Input = try await watch.message(
      connection.incoming, "a command")
    guard case .command = command.message else {
      throw watch.failure("a command", EventSourcedMessages.describe(command))
    }
    let output: EventSourcedMessages.Output = try await watch.message(
      connection.outgoing, "a reply")
    guard case .reply(let reply) = output.message else {
      throw watch.failure("a reply", EventSourcedMessages.describe(output))
    }
    return reply
  }

  /// The next call of an action.
  func consumption(_ shape: ActionShape) async throws(CaseFailure) -> Consumption {
    let connection = try await watch.announced(ActionMessages.path(shape), "")
    return Consumption(watch: watch, entityID: entityID, connection: connection)
  }

  /// One call of the subscriber.
  struct Consumption: Sendable {
    let watch: TrafficWatch
    let entityID: String
    let connection: RecordedConnection

    func command() async throws(CaseFailure) -> Cloudstate_Action_ActionCommand {
      try await watch.message(connection.incoming, "a command")
    }

    func expectEvent<Event: Message & Equatable>(_ expected: Event) async throws(CaseFailure) {
      let command = try await command()
      guard let event = try? Event(unpackingAny: command.payload), event == expected else {
        throw watch.failure(
          "a command with \(Event.protoMessageName) as it was emitted",
          "\(command.serviceName)/\(command.name) with \(command.payload.typeURL)")
      }
    }

    func expectReply(_ text: String) async throws(CaseFailure) {
      let response = try await response()
      let expected = Cloudstate_Tck_Model_Eventlogeventing_Response.with {
        $0.id = entityID
        $0.message = text
      }
      let payload = response.reply.payload
      guard case .reply = response.response,
        let found = try? Cloudstate_Tck_Model_Eventlogeventing_Response(unpackingAny: payload),
        found == expected
      else {
        throw watch.failure("Response{\(entityID), \"\(text)\"}", describe(response))
      }
    }

    func expectForward(_ text: String) async throws(CaseFailure) {
      let response = try await response()
      let expected = Cloudstate_Tck_Model_Eventlogeventing_EffectRequest.with {
        $0.id = entityID
        $0.message = text
      }
      let forward = response.forward
      let payload = forward.payload
      guard forward.serviceName == EventingRun.subscriber, forward.commandName == "Effect",
        (try? Cloudstate_Tck_Model_Eventlogeventing_EffectRequest(unpackingAny: payload))
          == expected
      else {
        throw watch.failure(
          "a forward to Effect with \(entityID), \"\(text)\"", describe(response))
      }
    }

    private func response() async throws(CaseFailure) -> Cloudstate_Action_ActionResponse {
      try await watch.message(connection.outgoing, "a response")
    }

    private func describe(_ response: Cloudstate_Action_ActionResponse) -> String {
      typealias Response = Cloudstate_Tck_Model_Eventlogeventing_Response
      if case .reply(let reply) = response.response,
        let found = try? Response(unpackingAny: reply.payload)
      {
        return "Response{\(found.id), \"\(found.message)\"}"
      }
      return ActionMessages.describe(response)
    }
  }
}

func oneEvent(_ step: EventingRun.Step) -> Cloudstate_Tck_Model_Eventlogeventing_EventOne {
  .with { $0.step = message(step) }
}

func twoEvent(_ replies: [String]) -> Cloudstate_Tck_Model_Eventlogeventing_EventTwo {
  .with { $0.step = replies.map { message(.reply($0)) } }
}

private func message(
  _ step: EventingRun.Step
) -> Cloudstate_Tck_Model_Eventlogeventing_ProcessStep {
  var message = Cloudstate_Tck_Model_Eventlogeventing_ProcessStep()
  switch step {
  case .reply(let text): message.reply.message = text
  case .forward(let text): message.forward.message = text
  }
  return message
}
