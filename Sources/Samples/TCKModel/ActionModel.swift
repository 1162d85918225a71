import CloudstateSDK
import SwiftProtobuf
import TCKProtocol

private typealias Request = Cloudstate_Tck_Model_Action_Request
private typealias Group = Cloudstate_Tck_Model_Action_ProcessGroup
private typealias Response = Cloudstate_Tck_Model_Action_Response
private typealias OtherRequest = Cloudstate_Tck_Model_Action_OtherRequest

/// The action of the compatibility kit: requests spell out what it answers, in every shape of method.
struct ActionModel: Action {
  static let serviceName = "cloudstate.tck.model.action.ActionTckModel"

  var methods: ActionMethods {
    OnUnary("ProcessUnary") { (context, request: Request) in answer(request.groups) }

    OnStreamedIn("ProcessStreamedIn") { (context, requests: ActionRequests<Request>) in
      var groups: [Group] = []
      for try await request in requests { groups += request.groups }
      return answer(groups)
    }

    OnStreamedOut("ProcessStreamedOut") {
      (context, request: Request, responses: ActionReplies<Response>) in
      for group in request.groups { try await responses.send(answer([group])) }
    }

    OnStreamed("ProcessStreamed") {
      (context, requests: ActionRequests<Request>, responses: ActionReplies<Response>) in
      for try await request in requests {
        for group in request.groups { try await responses.send(answer([group])) }
      }
    }
  }
}

/// Where forwards and side effects of ``ActionModel`` go.
struct ActionTwo: Action {
  static let serviceName = "cloudstate.tck.model.action.ActionTwo"

  var methods: ActionMethods {
    OnUnary("Call") { (context, _: OtherRequest) in Response() }
  }
}

extension ServiceMethod {
  fileprivate static let actionTwo: ServiceMethod = "cloudstate.tck.model.action.ActionTwo/Call"
}

/// The one answer that groups make together: the last reply, forward or failure, and all effects in
/// order, whatever the answer is.
private func answer(_ groups: [Group]) -> ActionAnswer<Response> {
  var answer = ActionAnswer<Response>.nothing
  var effects: [Cloudstate_Tck_Model_Action_SideEffect] = []
  for step in groups.flatMap(\.steps) {
    switch step.step {
    case .reply(let reply): answer = .reply(Response.with { $0.message = reply.message })
    case .forward(let forward): answer = .forward(to: .actionTwo, other(forward.id))
    case .fail(let fail): answer = .failure(fail.message)
    case .effect(let effect): effects.append(effect)
    case nil: break
    }
  }
  return effects.reduce(answer) { answer, effect in
    answer.effect(to: .actionTwo, other(effect.id), synchronous: effect.synchronous)
  }
}

private func other(_ id: String) -> OtherRequest { OtherRequest.with { $0.id = id } }
