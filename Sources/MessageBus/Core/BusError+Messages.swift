import CloudstateModel
import NIOCore

/// The sentences of the bus, shared by its versions.
extension BusError {
  static func notLinked(_ node: NodeID) -> BusError {
    BusError(.unreachable, "no link to \(node); nothing was sent")
  }

  static func notConnected(_ node: NodeID) -> BusError {
    BusError(.unreachable, "the link to \(node) is down; nothing was sent")
  }

  static func tooMany(_ node: NodeID) -> BusError {
    BusError(.overloaded, "too many requests to \(node) are under way; try again later")
  }

  static func linkBroke(_ node: NodeID) -> BusError {
    BusError(.timeout, "link to \(node) broke; the outcome is unknown")
  }

  static func noAnswer(_ node: NodeID) -> BusError {
    BusError(.timeout, "no answer from \(node) in time; the outcome is unknown")
  }

  static func notSentInTime(_ node: NodeID) -> BusError {
    BusError(.unreachable, "\(node) took no request in time; nothing was sent")
  }

  static func noResponder(_ subject: Subject, at node: NodeID) -> BusError {
    BusError(.noResponder, "\(node) serves nothing that matches \(subject)")
  }

  static func closed(_ node: NodeID) -> BusError {
    BusError(.closed, "the bus of \(node) has been shut down")
  }

  /// The error for a message that is too long, or `nil` if it is not.
  static func oversize(
    _ what: String, subject: Subject?, payload: ByteBuffer, limit: Int
  ) -> BusError? {
    if let subject, subject.text.utf8.count > Subject.maximumLength {
      return BusError(
        .rejected, "the subject of the \(what) is longer than \(Subject.maximumLength) bytes")
    }
    guard payload.readableBytes > limit else { return nil }
    return BusError(
      .rejected, "the \(what) of \(payload.readableBytes) bytes is over the limit of \(limit) bytes"
    )
  }
}
