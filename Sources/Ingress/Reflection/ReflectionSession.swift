package import CloudstateProtocol
package import DynamicProtobuf
import FoundationEssentials
import SwiftProtobuf

/// One reflection stream: what was asked and sent so far decides what is sent next
/// (proxy behaviour, section 13.2). A value; the caller keeps it on one thread.
package struct ReflectionSession: Sendable {
  /// The reflection service as it is listed.
  package static let serviceName = "grpc.reflection.v1alpha.ServerReflection"

  private let pool: DescriptorPool
  private let ownPool: DescriptorPool?
  /// In the order in which they are listed.
  private let services: [String]
  /// What the client may see; `nil`: everything.
  private let view: ReflectionView?
  private var sentFiles: Set<String> = []

  /// - Parameters:
  ///   - pool: where files and symbols are looked up.
  ///   - services: full names of the public services; the reflection service is listed before them.
  ///   - hidden: full names of services that the client must not learn of, nor of files for them alone.
  ///   - ownPool: a second pool to look in, for what the first does not know: the file of the
  ///     reflection service itself, so that clients can describe all they were told of.
  package init(
    pool: DescriptorPool, services: [String], hiding hidden: Set<String> = [],
    ownPool: DescriptorPool? = nil
  ) {
    self.pool = pool
    self.ownPool = ownPool
    view = hidden.isEmpty ? nil : ReflectionView(of: services, hiding: hidden, in: pool)
    self.services = [Self.serviceName] + services.sorted()
  }

  /// Answers one request. What is unknown is answered with no files, as the TCK demands.
  package mutating func answer(
    _ request: Grpc_Reflection_V1alpha_ServerReflectionRequest
  ) -> Grpc_Reflection_V1alpha_ServerReflectionResponse {
    var response = Grpc_Reflection_V1alpha_ServerReflectionResponse()
    response.validHost = request.host
    response.originalRequest = request
    switch request.messageRequest {
    case .listServices:
      response.listServicesResponse.service = services.map { name in .with { $0.name = name } }
    case .fileByFilename(let name):
      response.fileDescriptorResponse = files { $0.file(named: name).map { _ in name } }
    case .fileContainingSymbol(let symbol):
      response.fileDescriptorResponse =
        view?.hides(symbol: symbol) ?? false
        ? .init() : files { $0.fileName(containingSymbol: symbol) }
    case .fileContainingExtension(let wanted):
      response.fileDescriptorResponse = files {
        $0.fileName(containingExtension: wanted.extensionNumber, of: wanted.containingType)
      }
    case .allExtensionNumbersOfType(let name):
      response.allExtensionNumbersResponse = .with {
        $0.baseTypeName = name
        $0.extensionNumber =
          view?.shows(pool.fileName(containingSymbol: name)) ?? true
          ? pool.extensionNumbers(of: name) : []
      }
    case nil:
      response.errorResponse = .with {
        // gRPC status INVALID_ARGUMENT.
        $0.errorCode = 3
        $0.errorMessage = "the request asks for nothing this server knows"
      }
    }
    return response
  }

  private mutating func files(
    _ find: (DescriptorPool) -> String?
  ) -> Grpc_Reflection_V1alpha_FileDescriptorResponse {
    for pool in [pool, ownPool] {
      guard let pool, let name = find(pool) else { continue }
      // The reflection service's own file is for everybody.
      guard pool === ownPool || view?.shows(name) ?? true else { continue }
      return files(from: name, in: pool)
    }
    return Grpc_Reflection_V1alpha_FileDescriptorResponse()
  }

  /// A file and all it imports, each behind its importer, without files that were sent before.
  private mutating func files(
    from name: String, in pool: DescriptorPool
  ) -> Grpc_Reflection_V1alpha_FileDescriptorResponse {
    var response = Grpc_Reflection_V1alpha_FileDescriptorResponse()
    var reached: Set<String> = [name]
    var queue = [name]
    var next = 0
    while next < queue.count {
      let name = queue[next]
      next += 1
      if let file = pool.file(named: name), sentFiles.insert(name).inserted {
        let visible = pool === self.pool ? view?.visiblePart(of: file) ?? file : file
        response.fileDescriptorProto.append(.init(visible))
      }
      for imported in pool.imports(ofFile: name) where reached.insert(imported).inserted {
        queue.append(imported)
      }
    }
    return response
  }
}
