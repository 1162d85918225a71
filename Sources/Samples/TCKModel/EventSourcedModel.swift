import CloudstateSDK
import SwiftProtobuf
import TCKProtocol

private typealias Request = Cloudstate_Tck_Model_Request
private typealias Response = Cloudstate_Tck_Model_Response
private typealias Persisted = Cloudstate_Tck_Model_Persisted

/// The event sourced entity of the compatibility kit: a text to which each event appends.
struct EventSourcedModel: EventSourcedEntity {
  static let serviceName = "cloudstate.tck.model.EventSourcedTckModel"
  static let persistenceID = "event-sourced-tck-model"
  static let snapshotEvery = 5

  private var text = Persisted()

  init() {}

  static var behavior: Behavior<Self> {
    OnCommand("Process") { (context, request: Request) -> Answer<Response> in
      var forward: Answer<Response>?
      for action in request.actions {
        switch action.action {
        case .emit(let emit): context.emit(Persisted.with { $0.value = emit.value })
        case .forward(let target): forward = .forward(to: .eventSourcedTwo, other(target.id))
        case .effect(let effect):
          context.effect(
            to: .eventSourcedTwo, other(effect.id), synchronous: effect.synchronous)
        case .fail(let fail): throw CommandFailure(fail.message)
        case nil: break
        }
      }
      return forward ?? .reply(Response.with { $0.message = context.state.text.value })
    }

    OnEvent { (model, event: Persisted) in model.text.value += event.value }

    Snapshots(\.text)
  }
}

/// Where forwards and side effects of ``EventSourcedModel`` go.
struct EventSourcedTwo: EventSourcedEntity {
  static let serviceName = "cloudstate.tck.model.EventSourcedTwo"
  static let persistenceID = "event-sourced-tck-model-two"

  static var behavior: Behavior<Self> {
    OnCommand("Call") { (context, _: Request) in Response() }
  }
}

/// An entity that wants to be passivated soon.
struct EventSourcedConfigured: EventSourcedEntity {
  static let serviceName = "cloudstate.tck.model.EventSourcedConfigured"
  static let persistenceID = "event-sourced-configured"
  static let passivationTimeout: Duration? = .milliseconds(100)

  static var behavior: Behavior<Self> {
    OnCommand("Call") { (context, _: Request) in Response() }
  }
}

extension ServiceMethod {
  fileprivate static let eventSourcedTwo: ServiceMethod =
    "cloudstate.tck.model.EventSourcedTwo/Call"
}

private func other(_ id: String) -> Request { Request.with { $0.id = id } }
