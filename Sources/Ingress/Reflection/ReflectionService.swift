import CloudstateProtocol
package import DynamicProtobuf
package import GRPCTransport

/// Server reflection for a pool and its public services. Served as `grpc.reflection.v1alpha`, and as
/// `grpc.reflection.v1`, whose messages are the same on the wire; only the former is listed, as the TCK
/// demands. Its own file and that of the health service can be asked for. Shared by all event loops.
package struct ReflectionService: Sendable {
  private static let paths: Set<String> = [
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
  ]
  private static let ownFiles = [
    "grpc/reflection/v1alpha/reflection.proto", "grpc/health/v1/health.proto",
  ]

  private let pool: DescriptorPool
  private let services: [String]
  private let ownPool: DescriptorPool?

  /// - Parameter services: full names of the public services, in any order.
  package init(pool: DescriptorPool, services: [String]) {
    self.pool = pool
    self.services = services
    ownPool = Self.makeOwnPool()
  }

  /// Handles a call of the reflection service, and answers `nil` for all other paths.
  ///
  /// - Parameter isVisible: whether the caller may know of a service.
  package func handler(
    for call: any GRPCServerCall, isVisible: (_ service: String) -> Bool = { _ in true }
  ) -> (any GRPCServerCallHandler)? {
    guard Self.paths.contains(call.path) else { return nil }
    let visible = services.filter(isVisible)
    let hidden = services.count == visible.count ? [] : services.filter { !visible.contains($0) }
    return ReflectionHandler(
      call: call,
      session: ReflectionSession(
        pool: pool, services: visible, hiding: Set(hidden), ownPool: ownPool))
  }

  /// Without it, which the tests exclude, clients could still list and describe the other services.
  private static func makeOwnPool() -> DescriptorPool? {
    guard
      let known = try? DescriptorPool(fileDescriptorSet: WellKnownDescriptors.fileDescriptorSet)
    else { return nil }
    return try? DescriptorPool(files: ownFiles.compactMap { known.file(named: $0) })
  }
}
