import NIOCore

extension ConnectionPeer {
  /// What a channel knows of its other end.
  init(of channel: any Channel) {
    self.init(address: channel.remoteAddress.map { "\($0)" } ?? "unknown")
  }
}
