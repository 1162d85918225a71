import CloudstateSDK
import SwiftProtobuf
import TCKProtocol

private typealias Request = Cloudstate_Tck_Model_Valueentity_Request
private typealias Response = Cloudstate_Tck_Model_Valueentity_Response
typealias StoredText = Cloudstate_Tck_Model_Valueentity_Persisted

/// The value entity of the compatibility kit: a text that commands set and delete.
enum ValueEntityModel: ValueEntity {
  static let serviceName = "cloudstate.tck.model.valueentity.ValueEntityTckModel"
  static let persistenceID = "value-entity-tck-model"

  static var behavior: ValueBehavior<StoredText> {
    OnCommand("Process") { (context, request: Request) -> Answer<Response> in
      var forward: Answer<Response>?
      for action in request.actions {
        switch action.action {
        case .update(let update): context.update(StoredText.with { $0.value = update.value })
        case .delete: context.delete()
        case .forward(let target): forward = .forward(to: .valueEntityTwo, other(target.id))
        case .effect(let effect):
          context.effect(to: .valueEntityTwo, other(effect.id), synchronous: effect.synchronous)
        case .fail(let fail): throw CommandFailure(fail.message)
        case nil: break
        }
      }
      return forward ?? .reply(Response.with { $0.message = context.state?.value ?? "" })
    }
  }
}

/// Where forwards and side effects of ``ValueEntityModel`` go.
enum ValueEntityTwo: ValueEntity {
  static let serviceName = "cloudstate.tck.model.valueentity.ValueEntityTwo"
  static let persistenceID = "value-entity-tck-model-two"

  static var behavior: ValueBehavior<StoredText> {
    OnCommand("Call") { (context, _: Request) in Response() }
  }
}

/// An entity that wants to be passivated soon.
enum ValueEntityConfigured: ValueEntity {
  static let serviceName = "cloudstate.tck.model.valueentity.ValueEntityConfigured"
  static let persistenceID = "value-entity-configured"
  static let passivationTimeout: Duration? = .milliseconds(100)

  static var behavior: ValueBehavior<StoredText> {
    OnCommand("Call") { (context, _: Request) in Response() }
  }
}

extension ServiceMethod {
  fileprivate static let valueEntityTwo: ServiceMethod =
    "cloudstate.tck.model.valueentity.ValueEntityTwo/Call"
}

private func other(_ id: String) -> Request { Request.with { $0.id = id } }
