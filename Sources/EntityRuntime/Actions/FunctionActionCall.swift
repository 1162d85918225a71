import CloudstateModel
import GRPCTransport
import NIOCore

/// One call of an action over gRPC. Loop-bound.
final class FunctionActionCall: ActionCall {
  private let codec: ActionCodec
  private let link: any FunctionLink
  private var owner: (any ActionCallOwner)?
  private var stream: (any GRPCClientStream)?
  /// Calls with one answer are measured. Others may be open for ever without any work in them.
  private let meter: (any WorkMeter)?
  private var meteredSince: UInt64?

  init(
    codec: ActionCodec, link: any FunctionLink, owner: any ActionCallOwner,
    meter: (any WorkMeter)?
  ) {
    self.codec = codec
    self.link = link
    self.owner = owner
    self.meter = codec.request.shape == .unary ? meter : nil
  }

  /// Opens the stream and sends the header, if the shape has one.
  func open(deadline: NIODeadline?) {
    if let meter {
      let now = NIODeadline.now().uptimeNanoseconds
      meter.begin(at: now)
      meteredSince = now
    }
    stream = link.openStream(path: codec.path, deadline: deadline, handler: self)
    if let header = codec.header { stream?.send(header) }
  }

  var isWritable: Bool { stream?.isWritable ?? false }

  func send(_ payload: [UInt8]) { stream?.send(codec.message(payload)) }

  func end() { stream?.sendEnd() }

  func cancel() {
    if let meteredSince {
      meter?.end(begunAt: meteredSince, at: NIODeadline.now().uptimeNanoseconds)
    }
    meteredSince = nil
    owner = nil
    stream?.cancel()
    stream = nil
  }

  func setReading(_ reading: Bool) { stream?.setReading(reading) }
}

extension FunctionActionCall: GRPCClientStreamHandler {
  func receive(_ message: ByteBuffer) {
    do {
      owner?.received(try ActionCodec.answer(message))
    } catch {
      let name = "\(codec.request.serviceName).\(codec.request.method)"
      link.report("\(name): undecodable response (\(error))")
      finish(
        CommandError(.actionFailed, "the user function answered \(name) with an unreadable message")
      )
    }
  }

  func writabilityChanged(_ isWritable: Bool) { owner?.functionWritabilityChanged(isWritable) }

  func ended(_ status: GRPCStatus, trailers: GRPCMetadata) {
    guard status.code != .ok else { return finish(nil) }
    switch link.streamEnd(status) {
    case .unreachable(let reason): finish(CommandError(.functionUnavailable, reason))
    case .ended:
      finish(
        CommandError(.actionFailed, status.message, passedStatusCode: status.code.rawValue))
    }
  }

  private func finish(_ error: CommandError?) {
    let owner = owner
    cancel()
    owner?.ended(error)
  }
}
