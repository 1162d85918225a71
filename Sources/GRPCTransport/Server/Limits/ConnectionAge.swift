import NIOCore

/// Ends a connection that has reached its age: first it is asked to finish, after a grace it is closed.
/// Works on any protocol; belongs at the head of the pipeline.
final class ConnectionAge: ChannelInboundHandler {
  typealias InboundIn = NIOAny

  private let age: TimeAmount
  private let grace: TimeAmount
  private var timer: Scheduled<Void>?

  init(age: TimeAmount, grace: TimeAmount) {
    self.age = age
    self.grace = grace
  }

  /// The age of one connection: up to a tenth more or less than asked for, so that connections made at the
  /// same time do not all come back at the same time.
  static func jittered(
    _ age: TimeAmount, using generator: inout some RandomNumberGenerator
  ) -> TimeAmount {
    .nanoseconds(Int64(Double(age.nanoseconds) * Double.random(in: 0.9...1.1, using: &generator)))
  }

  func handlerAdded(context: ChannelHandlerContext) {
    arm(context, in: age) {
      context.fireUserInboundEventTriggered(ConnectionShouldDrain())
      self.arm(context, in: self.grace) { context.close(promise: nil) }
    }
  }

  func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

  func channelInactive(context: ChannelHandlerContext) {
    timer?.cancel()
    context.fireChannelInactive()
  }

  private func arm(
    _ context: ChannelHandlerContext, in delay: TimeAmount, _ body: @escaping () -> Void
  ) {
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: delay, body)
  }
}
