import CloudstateSDK
import SwiftProtobuf
import TCKProtocol

private typealias EventOne = Cloudstate_Tck_Model_Eventlogeventing_EventOne
private typealias EventTwo = Cloudstate_Tck_Model_Eventlogeventing_EventTwo
private typealias Response = Cloudstate_Tck_Model_Eventlogeventing_Response
private typealias EffectRequest = Cloudstate_Tck_Model_Eventlogeventing_EffectRequest
private typealias Step = Cloudstate_Tck_Model_Eventlogeventing_ProcessStep

/// An entity whose events are consumed by ``EventLogSubscriber``.
struct EventSourcedEntityOne: EventSourcedEntity {
  static let serviceName = "cloudstate.tck.model.eventlogeventing.EventSourcedEntityOne"
  static let persistenceID = "eventlogeventing-one"

  static var behavior: Behavior<Self> {
    OnCommand("EmitEvent") {
      (context, request: Cloudstate_Tck_Model_Eventlogeventing_EmitEventRequest) in
      switch request.event {
      case .eventOne(let event): context.emit(event)
      case .eventTwo(let event): context.emit(event)
      case nil: break
      }
    }
    OnEvent { (_, _: EventOne) in }
    OnEvent { (_, _: EventTwo) in }
  }
}

/// An entity whose events are JSON.
struct EventSourcedEntityTwo: EventSourcedEntity {
  static let serviceName = "cloudstate.tck.model.eventlogeventing.EventSourcedEntityTwo"
  static let persistenceID = "eventlogeventing-two"

  static var behavior: Behavior<Self> {
    OnCommand("EmitJsonEvent") {
      (context, request: Cloudstate_Tck_Model_Eventlogeventing_JsonEvent) in
      context.emit(JsonEvent(message: request.message))
    }
    OnEvent { (_, _: JsonEvent) in }
  }
}

/// What ``EventSourcedEntityTwo`` stores.
struct JsonEvent: JSONPayload {
  var message: String
}

/// Consumes the events of both entities. Each says what is answered; the id of its entity is its
/// subject.
struct EventLogSubscriber: Action {
  static let serviceName = "cloudstate.tck.model.eventlogeventing.EventLogSubscriberModel"

  var methods: ActionMethods {
    OnUnary("ProcessEventOne") { (context, event: EventOne) in
      answer(event.step, subject(context.metadata))
    }
    OnStreamedOut("ProcessEventTwo") {
      (context, event: EventTwo, responses: ActionReplies<Response>) in
      for step in event.step {
        try await responses.send(answer(step, subject(context.metadata)))
      }
    }
    OnUnary("Effect") { (context, request: EffectRequest) in
      response(request.id, request.message)
    }
    OnUnary("ProcessAnyEvent") { (context, event: Google_Protobuf_Any) in
      response(subject(context.metadata), try event.payload(JsonEvent.self).message)
    }
  }
}

extension ServiceMethod {
  fileprivate static let effect: ServiceMethod =
    "cloudstate.tck.model.eventlogeventing.EventLogSubscriberModel/Effect"
}

private func subject(_ metadata: Metadata) -> String { metadata["ce-subject"] ?? "" }

private func answer(_ step: Step, _ id: String) -> ActionAnswer<Response> {
  switch step.step {
  case .reply(let reply): .reply(response(id, reply.message))
  case .forward(let forward):
    .forward(
      to: .effect,
      EffectRequest.with {
        $0.id = id
        $0.message = forward.message
      })
  case nil: .nothing
  }
}

private func response(_ id: String, _ message: String) -> Response {
  Response.with {
    $0.id = id
    $0.message = message
  }
}
