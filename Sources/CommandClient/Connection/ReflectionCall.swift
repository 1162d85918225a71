import CloudstateProtocol
package import GRPCTransport
package import NIOCore
import SwiftProtobuf

/// What a node told about its services by gRPC reflection (v1alpha).
package struct ReflectedServices: Sendable {
  /// Full names, without reflection itself.
  package var services: [String]
  /// Serialized `FileDescriptorProto` messages.
  package var files: [[UInt8]]
}

/// Asks a node for its services and their descriptors on one reflection stream.
///
/// Nodes of this project send a file with all its imports; other servers may send the file alone, so
/// imports that are still missing are asked for by name. Loop-bound like its transport.
package final class ReflectionCall: GRPCClientStreamHandler {
  private typealias Request = Grpc_Reflection_V1alpha_ServerReflectionRequest
  private typealias Response = Grpc_Reflection_V1alpha_ServerReflectionResponse

  /// The largest number of files taken from a server, which may not be ours.
  private static let maximumFiles = 10_000

  private var completion: ((Result<ReflectedServices, GRPCStatus>) -> Void)?
  private var stream: (any GRPCClientStream)?
  private var services: [String] = []
  private var files: [String: [UInt8]] = [:]
  /// Symbols and file names still to be asked for.
  private var questions: [Request] = []
  private var asked: Set<String> = []

  private init(completion: @escaping (Result<ReflectedServices, GRPCStatus>) -> Void) {
    self.completion = completion
  }

  /// Begins; called on the transport's event loop, where `completion` is called exactly once.
  package static func begin(
    on transport: any GRPCClientTransport, deadline: NIODeadline,
    completion: @escaping (Result<ReflectedServices, GRPCStatus>) -> Void
  ) {
    let call = ReflectionCall(completion: completion)
    call.stream = transport.openStream(
      path: "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
      metadata: GRPCMetadata(), deadline: deadline, waitForReady: false, handler: call)
    call.ask(.with { $0.listServices = "*" })
  }

  package func receive(_ message: ByteBuffer) {
    guard completion != nil else { return }
    guard let response = try? Response(decoding: message) else {
      return finish(.failure(GRPCStatus(.internalError, "reflection: an unreadable answer")))
    }
    switch response.messageResponse {
    case .listServicesResponse(let list):
      services = list.service.map(\.name).filter { !$0.hasPrefix("grpc.reflection.") }
      questions = services.map { name in .with { $0.fileContainingSymbol = name } }
    case .fileDescriptorResponse(let answer):
      for file in answer.fileDescriptorProto { take(Array(file)) }
    case .errorResponse(let error):
      // A symbol nobody knows is left out; what depends on it says so when it is used.
      guard services.isEmpty else { break }
      let code = GRPCStatus.Code(rawValue: Int(error.errorCode)) ?? .unknown
      return finish(.failure(GRPCStatus(code, error.errorMessage)))
    case .allExtensionNumbersResponse, nil: break
    }
    askNext()
  }

  package func ended(_ status: GRPCStatus, trailers: GRPCMetadata) {
    stream = nil
    finish(
      .failure(
        status.code == .ok
          ? GRPCStatus(.internalError, "reflection: the server ended the call early") : status))
  }

  private func take(_ file: [UInt8]) {
    guard let descriptor = try? Google_Protobuf_FileDescriptorProto(serializedBytes: file),
      files.count < Self.maximumFiles
    else { return }
    files[descriptor.name] = file
    for name in descriptor.dependency where asked.insert(name).inserted {
      questions.append(.with { $0.fileByFilename = name })
    }
  }

  private func askNext() {
    while let question = questions.popLast() {
      if case .fileByFilename(let name) = question.messageRequest, files[name] != nil { continue }
      return ask(question)
    }
    finish(.success(ReflectedServices(services: services, files: Array(files.values))))
  }

  private func ask(_ request: Request) {
    stream?.send(request.encoded)
  }

  private func finish(_ result: Result<ReflectedServices, GRPCStatus>) {
    guard let completion else { return }
    self.completion = nil
    stream?.sendEnd()
    stream?.cancel()
    stream = nil
    completion(result)
  }
}
