import CloudstateSDK
import SwiftProtobuf
import TCKProtocol

private typealias Request = Cloudstate_Tck_Model_Crdt_Request
private typealias StreamedRequest = Cloudstate_Tck_Model_Crdt_StreamedRequest
private typealias Response = Cloudstate_Tck_Model_Crdt_Response
private typealias Update = Cloudstate_Tck_Model_Crdt_Update

/// The replicated entity of the compatibility kit: the id says of which type its value is, requests
/// spell out what becomes of it.
enum CRDTModel: ReplicatedEntity {
  static let serviceName = "cloudstate.tck.model.crdt.CrdtTckModel"
  static let persistenceID = "crdt-tck-model"

  static func initialState(entityID: String) -> ModelValue { ModelValue(named: entityID) }

  static var behavior: ReplicatedBehavior<ModelValue> {
    OnCommand("Process") { (context, request: Request) -> Answer<Response> in
      var forward: Answer<Response>?
      for action in request.actions {
        switch action.action {
        case .update(let update): try context.apply(update)
        case .delete: context.delete()
        case .forward(let target): forward = .forward(to: .crdtTwo, other(target.id))
        case .effect(let effect):
          context.effect(to: .crdtTwo, other(effect.id), synchronous: effect.synchronous)
        case .fail(let fail): throw CommandFailure(fail.message)
        case nil: break
        }
      }
      return forward ?? .reply(Response(context.state))
    }

    OnStreamedCommand("ProcessStreamed") {
      (context, request: StreamedRequest) -> StreamedAnswer<ModelValue, Response> in
      if request.hasInitialUpdate { try context.apply(request.initialUpdate) }
      return .open(request.empty ? nil : Response(context.state))
        .onChange { change in
          let response = Response(change.state)
          for effect in request.effects {
            change.effect(to: .crdtTwo, other(effect.id), synchronous: effect.synchronous)
          }
          if request.hasEndState, response.state == request.endState { change.endStream() }
          return request.empty ? nil : response
        }
        .onCancel { context in
          guard request.hasCancelUpdate else { return }
          // Nobody is there to be told of one that does not fit.
          try? context.apply(request.cancelUpdate)
        }
    }
  }
}

/// Where forwards and side effects of ``CRDTModel`` go.
enum CRDTTwo: ReplicatedEntity {
  static let serviceName = "cloudstate.tck.model.crdt.CrdtTwo"
  static let persistenceID = "crdt-tck-model-two"

  static var behavior: ReplicatedBehavior<GCounter> {
    OnCommand("Call") { (context, request: Request) in
      for case .delete in request.actions.map(\.action) { context.delete() }
      return Response()
    }
  }
}

/// An entity that wants to be passivated soon.
enum CRDTConfigured: ReplicatedEntity {
  static let serviceName = "cloudstate.tck.model.crdt.CrdtConfigured"
  static let persistenceID = "crdt-configured"
  static let passivationTimeout: Duration? = .milliseconds(100)

  static var behavior: ReplicatedBehavior<GCounter> {
    OnCommand("Call") { (context, _: Request) in Response() }
  }
}

extension ServiceMethod {
  fileprivate static let crdtTwo: ServiceMethod = "cloudstate.tck.model.crdt.CrdtTwo/Call"
}

private func other(_ id: String) -> Request { Request.with { $0.id = id } }

extension ReplicatedContext<ModelValue> {
  /// Carries out an update; its consistency holds for the whole command.
  fileprivate mutating func apply(_ update: Update) throws {
    try state.apply(update)
    writeConsistency =
      switch update.writeConsistency {
      case .local, .UNRECOGNIZED: .local
      case .majority: .majority
      case .all: .all
      }
  }
}
