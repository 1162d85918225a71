import CloudstateProtocol
import SwiftProtobuf

/// A command for another service, as a forward or an effect.
struct OutgoingCommand: Sendable {
  let target: ServiceMethod
  let message: any Message
  let metadata: Metadata

  /// For the answer of a command. Throws ``EntityFault`` for a target that is no name of a method.
  func forward() throws(EntityFault) -> Cloudstate_Forward {
    let (service, method) = try target.parts()
    var forward = Cloudstate_Forward()
    forward.serviceName = service
    forward.commandName = method
    forward.payload = try packed(message)
    if !metadata.isEmpty { forward.metadata = metadata.message }
    return forward
  }

  /// To be run beside the answer of a command. Throws as ``forward()``.
  func sideEffect(synchronous: Bool) throws(EntityFault) -> Cloudstate_SideEffect {
    let (service, method) = try target.parts()
    var effect = Cloudstate_SideEffect()
    effect.serviceName = service
    effect.commandName = method
    effect.payload = try packed(message)
    effect.synchronous = synchronous
    if !metadata.isEmpty { effect.metadata = metadata.message }
    return effect
  }
}

extension Cloudstate_Reply {
  /// A packed message and what travels beside it.
  init(_ payload: Google_Protobuf_Any, metadata: Metadata = Metadata()) {
    self.init()
    self.payload = payload
    if !metadata.isEmpty { self.metadata = metadata.message }
  }
}
