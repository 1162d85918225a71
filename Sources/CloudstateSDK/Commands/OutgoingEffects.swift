import CloudstateProtocol
import SwiftProtobuf

/// The side effects of a running command, encoded, in order.
struct OutgoingEffects {
  private(set) var messages: [Cloudstate_SideEffect] = []
  /// The first misuse of ``add(_:to:synchronous:metadata:)``; it breaks the stream when the handler
  /// returns, so that an effect needs no `try`.
  private(set) var fault: EntityFault?

  mutating func add(
    _ command: any Message, to target: ServiceMethod, synchronous: Bool, metadata: Metadata
  ) {
    guard fault == nil else { return }
    let outgoing = OutgoingCommand(target: target, message: command, metadata: metadata)
    do throws(EntityFault) {
      messages.append(try outgoing.sideEffect(synchronous: synchronous))
    } catch {
      fault = error
    }
  }

  /// For the next command.
  mutating func clear() {
    messages.removeAll()
    fault = nil
  }
}
