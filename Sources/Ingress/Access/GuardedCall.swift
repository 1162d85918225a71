package import AccessControl
package import CloudstateModel
package import GRPCTransport
import NIOCore

/// A call under access control, between its transport and who serves it: ends it when the rights of its caller
/// end. Loop-bound to its call.
///
/// A stream ends at the moment its caller's token expires. Other calls are looked at with each message that
/// comes, and keep the replies to what was taken in time. When the access file changes, the next message in
/// either direction of a stream, or the next request, meets the new rules; a stream without messages is not
/// ended for them. While a token is verified again, which takes some microseconds, the call goes on.
final class GuardedCall {
  private static let changed = GRPCStatus(
    .unavailable, "the access rules have changed; call again")

  private let call: any GRPCServerCall
  private let authenticator: Authenticator
  private var rights: AccessRights
  /// What the caller must be allowed to do; empty where nobody has said so.
  private var needs: [(action: AccessAction, pattern: SubjectPattern)] = []
  /// Whether replies need the rights, too, and the passing of time ends it.
  private var isStream = true
  private var handler: (any GRPCServerCallHandler)?
  private var timer: Scheduled<Void>?
  private var isVerifying = false
  /// Whether who serves the call has finished it.
  private var isFinished = false
  private var isOver = false

  init(_ call: any GRPCServerCall, rights: AccessRights, authenticator: Authenticator) {
    self.call = call
    self.rights = rights
    self.authenticator = authenticator
  }

  /// - Parameter open: who serves the call, if anybody does.
  func start(
    _ open: (any GRPCServerCall) -> (any GRPCServerCallHandler)?
  ) -> (any GRPCServerCallHandler)? {
    guard let handler = open(self) else { return nil }
    guard !isOver else { return handler }
    self.handler = handler
    arrangeTimer()
    return self
  }

  fileprivate func rests(on action: AccessAction, _ pattern: SubjectPattern, isStream: Bool) {
    needs.append((action, pattern))
    self.isStream = isStream
  }

  // MARK: Rights

  /// Looks at the rights, and ends the call if they are gone.
  private func mayGoOn() -> Bool {
    guard !isOver else { return false }
    guard !authenticator.hasExpired(rights) else {
      end(AccessRefusal.expired)
      return false
    }
    guard !isVerifying, rights.generation != authenticator.generation else { return true }
    switch authenticator.authenticate(Credentials(call.metadata, call.peer)) {
    case .admitted(let rights): return adopt(rights)
    case .refused:
      end(AccessRefusal.unauthenticated)
      return false
    case .unverified(let token):
      isVerifying = true
      let bound = NIOLoopBound(self, eventLoop: eventLoop)
      authenticator.verify(token, on: eventLoop, connection: call.peer.connection) {
        bound.value.verified($0)
      }
      return true
    }
  }

  private func verified(_ verification: Authenticator.Verification) {
    isVerifying = false
    guard !isOver else { return }
    switch verification {
    case .admitted(let rights): _ = adopt(rights)
    case .refused: end(AccessRefusal.unauthenticated)
    // The next message asks again.
    case .overloaded, .stopping: break
    }
  }

  private func adopt(_ rights: AccessRights) -> Bool {
    self.rights = rights
    guard !needs.isEmpty else {
      end(Self.changed, GRPCMetadata())
      return false
    }
    guard needs.allSatisfy({ rights.allows($0.action, all: $0.pattern) }) else {
      end(AccessRefusal.denied)
      return false
    }
    arrangeTimer()
    return true
  }

  private func arrangeTimer() {
    timer?.cancel()
    timer = nil
    guard isStream, let left = authenticator.timeLeft(rights) else { return }
    timer = eventLoop.assumeIsolated().scheduleTask(in: left) {
      self.timer = nil
      // The time of day may have been set back meanwhile.
      if self.mayGoOn() { self.arrangeTimer() }
    }
  }

  // MARK: Ends

  private func end(_ error: CommandError) {
    let failure = CallFailure(error)
    end(failure.status, failure.trailers)
  }

  private func end(_ status: GRPCStatus, _ trailers: GRPCMetadata) {
    let stopped = handler
    release()
    call.finish(status, trailers: trailers)
    // On the next tick: this may have come out of a call of the handler.
    eventLoop.assumeIsolated().execute {
      if !self.isFinished { stopped?.cancelled(status) }
    }
  }

  private func release() {
    isOver = true
    handler = nil
    timer?.cancel()
    timer = nil
  }
}

extension GuardedCall: GRPCServerCall {
  var eventLoop: any EventLoop { call.eventLoop }
  var path: String { call.path }
  var metadata: GRPCMetadata { call.metadata }
  var deadline: NIODeadline? { call.deadline }
  var peer: ConnectionPeer { call.peer }
  var isWritable: Bool { !isOver && call.isWritable }

  func sendHeaders(_ metadata: GRPCMetadata) {
    if !isOver { call.sendHeaders(metadata) }
  }

  func send(_ message: ByteBuffer) {
    if isStream ? mayGoOn() : !isOver { call.send(message) }
  }

  func finish(_ status: GRPCStatus, trailers: GRPCMetadata) {
    isFinished = true
    guard !isOver else { return }
    release()
    call.finish(status, trailers: trailers)
  }

  func setReading(_ reading: Bool) {
    if !isOver { call.setReading(reading) }
  }
}

extension GuardedCall: GRPCServerCallHandler {
  func receive(_ message: ByteBuffer) {
    if mayGoOn() { handler?.receive(message) }
  }

  func receiveEnd() { handler?.receiveEnd() }

  func writabilityChanged(_ isWritable: Bool) { handler?.writabilityChanged(isWritable) }

  func cancelled(_ status: GRPCStatus) {
    let stopped = handler
    release()
    stopped?.cancelled(status)
  }
}

extension GRPCServerCall {
  /// Says what the caller must be allowed to do for as long as the call lasts; nothing happens where no access
  /// is controlled.
  ///
  /// - Parameter isStream: whether replies that come later are a part of what is allowed, too.
  package func rests(
    on action: AccessAction, _ pattern: SubjectPattern, isStream: Bool = true
  ) {
    (self as? GuardedCall)?.rests(on: action, pattern, isStream: isStream)
  }
}
