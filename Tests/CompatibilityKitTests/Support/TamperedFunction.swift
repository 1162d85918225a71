import CloudstateProtocol
import GRPCTransport
import Logging
import NIOCore
import NIOPosix
import SwiftProtobuf
import TCKProtocol

@testable import CloudstateSDK
@testable import CompatibilityKit
@testable import TCKModelSample

/// What is done to the messages of a correct function before they are sent; `nil` drops one.
struct Tampering: Sendable {
  typealias EventSourcedOut = Cloudstate_Eventsourced_EventSourcedStreamOut
  typealias ValueOut = Cloudstate_Valueentity_ValueEntityStreamOut
  typealias ReplicatedOut = Cloudstate_Crdt_CrdtStreamOut
  typealias ActionOut = Cloudstate_Action_ActionResponse

  var spec: @Sendable (inout Cloudstate_EntitySpec) -> Void = { _ in }
  var eventSourced: @Sendable (EventSourcedOut) -> EventSourcedOut? = { $0 }
  var value: @Sendable (ValueOut) -> ValueOut? = { $0 }
  var replicated: @Sendable (ReplicatedOut) -> ReplicatedOut? = { $0 }
  var action: @Sendable (ActionOut) -> ActionOut? = { $0 }
  /// What ends a call, instead of OK; `nil` leaves it open.
  var end: GRPCStatus? = .ok
}

/// The cases that fail, with what they report, when the kit tests the model function with changes.
func failures(
  of tampering: Tampering, only patterns: [String] = [], limit: Duration = .seconds(3)
) async throws -> [String: CaseFailure] {
  let results = try await results(of: tampering, only: patterns, limit: limit)
  var failures: [String: CaseFailure] = [:]
  for result in results {
    if case .failed(let failure) = result.outcome { failures[result.testCase.id] = failure }
  }
  return failures
}

/// What the kit says of the model function with changes.
func results(
  of tampering: Tampering, only patterns: [String] = [], limit: Duration = .seconds(3)
) async throws -> [CaseResult] {
  try await withModelFunction(tampering) { function in
    var run = KitRun(function: function.connection)
    run.answerLimit = limit
    let cases = try CaseSelection(patterns).choose(from: allCases).filter { $0.part == .model }
    return await run.run(cases) { _ in }
  }
}

/// Runs the model function, changed, on a port of its own while `body` runs.
func withModelFunction<Result>(
  _ tampering: Tampering,
  _ body: ((address: GRPCAddress, connection: FunctionUnderTest)) async throws -> Result
) async throws -> Result {
  let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  let group = MultiThreadedEventLoopGroup.singleton
  let server = try await GRPCServer.start(
    configuration: GRPCServerConfiguration(address: .tcp(host: "127.0.0.1", port: 0)),
    router: TamperingRouter(tampering: tampering, logger: logger), group: group, logger: logger)
  let address = GRPCAddress.tcp(host: "127.0.0.1", port: server.localAddress.port ?? 0)
  let function = try await FunctionUnderTest.connect(
    address, wait: .seconds(10), group: group, logger: logger)
  let result: Swift.Result<Result, any Error>
  do {
    result = .success(try await body((address, function)))
  } catch {
    result = .failure(error)
  }
  await function.close()
  await server.shutdown(grace: .zero)
  return try result.get()
}

/// The services of the model function.
private let modelServices =
  [
    EventSourcedModel.self, EventSourcedTwo.self, EventSourcedConfigured.self,
    ValueEntityModel.self, ValueEntityTwo.self, ValueEntityConfigured.self, CRDTModel.self,
    CRDTTwo.self, CRDTConfigured.self, EventSourcedEntityOne.self, EventSourcedEntityTwo.self,
  ].compactMap { (entity: any CloudstateEntity.Type) in HostedService(entity: entity) }
  + [ActionModel(), ActionTwo(), EventLogSubscriber()].map {
    (action: any Action) in HostedService(action)
  }

private struct TamperingRouter: GRPCServerRouter {
  private let base: UserFunctionRouter
  private let tampering: Tampering

  init(tampering: Tampering, logger: Logger) {
    var spec = entitySpec(
      descriptors: tckModelDescriptorSet, services: modelServices, serviceName: "",
      serviceVersion: "")
    tampering.spec(&spec)
    base = UserFunctionRouter(services: modelServices, spec: spec, logger: logger)
    self.tampering = tampering
  }

  func handler(for call: any GRPCServerCall) -> (any GRPCServerCallHandler)? {
    call.path.hasPrefix("/cloudstate.EntityDiscovery/")
      ? base.handler(for: call) : base.handler(for: TamperedCall(call, tampering))
  }
}

/// Passes everything on but the messages that are tampered with.
private final class TamperedCall: GRPCServerCall {
  private let base: any GRPCServerCall
  private let tampering: Tampering

  init(_ base: any GRPCServerCall, _ tampering: Tampering) {
    self.base = base
    self.tampering = tampering
  }

  var eventLoop: any EventLoop { base.eventLoop }
  var path: String { base.path }
  var metadata: GRPCMetadata { base.metadata }
  var deadline: NIODeadline? { base.deadline }
  var isWritable: Bool { base.isWritable }
  func sendHeaders(_ metadata: GRPCMetadata) { base.sendHeaders(metadata) }
  func setReading(_ reading: Bool) { base.setReading(reading) }

  func send(_ message: ByteBuffer) {
    if let message = tampered(message) { base.send(message) }
  }

  func finish(_ status: GRPCStatus, trailers: GRPCMetadata) {
    if let end = tampering.end { base.finish(end, trailers: trailers) }
  }

  private func tampered(_ message: ByteBuffer) -> ByteBuffer? {
    do {
      if path.contains("EventSourced/") {
        return try tampering.eventSourced(.init(decoding: message))?.encoded
      }
      if path.contains("ValueEntity/") {
        return try tampering.value(.init(decoding: message))?.encoded
      }
      if path.contains("Crdt/") {
        return try tampering.replicated(.init(decoding: message))?.encoded
      }
      return try tampering.action(.init(decoding: message))?.encoded
    } catch {
      return message
    }
  }
}
