import CloudstateProtocol
import GRPCTransport
import SwiftProtobuf

/// Section 9: what a proxy says of its services.
let reflectionCases = [
  TestCase(
    id: "RF1", title: "Reflection", group: .reflection, section: "9",
    clause: """
      list_services gives grpc.reflection.v1alpha.ServerReflection and the services sorted by name, \
      whatever its argument; an unknown symbol gives a file_descriptor_response without files; \
      valid_host and original_request repeat the request; half-close completes the stream
      """,
    needs: [],
    procedure: .proxy(ProxyProcedure(run: reflect)))
]

private typealias Request = Grpc_Reflection_V1alpha_ServerReflectionRequest
private typealias Response = Grpc_Reflection_V1alpha_ServerReflectionResponse

/// Also the business of SC4.
@Sendable func reflect(_ scene: ProxyScene) async throws(CaseFailure) {
  let stream = Conversation<Request, Response>(
    scene.proxy.client, path: "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    limit: scene.limit)
  defer { stream.cancel() }
  var request = Request()
  if case .tcp(let host, _) = scene.proxy.httpAddress { request.host = host }
  var services = Grpc_Reflection_V1alpha_ListServiceResponse()
  let names = scene.function.spec.entities.map(\.serviceName).sorted()
  services.service = (["grpc.reflection.v1alpha.ServerReflection"] + names).map { name in
    .with { $0.name = name }
  }
  for argument in ["", "nonsense.blabla."] {
    request.listServices = argument
    try await ask(stream, request, .listServicesResponse(services), "list_services \"\(argument)\"")
  }
  request.fileContainingSymbol = "nonsense.blabla.Void"
  try await ask(
    stream, request, .fileDescriptorResponse(Grpc_Reflection_V1alpha_FileDescriptorResponse()),
    "file_containing_symbol \"nonsense.blabla.Void\"")
  stream.halfClose()
  let last = await stream.next()
  guard case .end = last else {
    throw CaseFailure(
      step: "half-close", expected: "the end of the stream", received: last.describe(describe))
  }
}

private func ask(
  _ stream: Conversation<Request, Response>, _ request: Request,
  _ answer: Response.OneOf_MessageResponse, _ step: String
) async throws(CaseFailure) {
  var expected = Response()
  expected.validHost = request.host
  expected.originalRequest = request
  expected.messageResponse = answer
  stream.send(request)
  let received = await stream.next()
  guard case .message(let response) = received else {
    throw CaseFailure(
      step: step, expected: describe(expected), received: received.describe(describe))
  }
  if let found = difference(expected: expected, received: response, describe: describe) {
    throw CaseFailure(step: step, expected: found.expected, received: found.received)
  }
}

private func describe(_ response: Response) -> String {
  switch response.messageResponse {
  case .listServicesResponse(let list):
    "services \(list.service.map(\.name).joined(separator: ", "))"
  case .fileDescriptorResponse(let files): "\(files.fileDescriptorProto.count) files"
  case .errorResponse(let error): "the error \"\(error.errorMessage)\""
  case .allExtensionNumbersResponse: "extension numbers"
  case nil: "an empty response"
  }
}
