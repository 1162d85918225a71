import Logging
import NIOCore
import ZeroMQ

/// Who may connect, and links that are not let in.
extension BusLoop {
  // MARK: Those who come

  /// Lets in who shows an accepted key.
  func answerQuestions(at gate: BusGate) throws(ZeroMQError) {
    while let verdict = try gate.next() {
      guard case .refused(let address, let key) = verdict else { continue }
      noteRefusal(
        .unknownKey, of: address.isEmpty ? nil : address,
        ["key": "\(key.map(String.init(describing:)) ?? "none")"])
    }
  }

  /// Counts connections to the listening sockets that came to nothing.
  func noteFailedHandshakes(_ monitor: borrowing SocketMonitor) throws(ZeroMQError) {
    while let event = try monitor.next() {
      guard case .handshakeFailed(let failure) = event else { continue }
      queue.statistics.update { $0.failedHandshakes += 1 }
      switch failure.reason {
      case .otherMechanism:
        noteRefusal(configuration.key == nil ? .encrypts : .isPlain, of: failure.address)
      case .otherServerKey: noteRefusal(.otherBus, of: failure.address)
      // The gate has told of it, with the key.
      case .denied: break
      // Port scanners end so, and connections that break.
      case .broken, .protocolError: break
      }
    }
  }

  private func noteRefusal(
    _ refusal: Refusal, of address: String?, _ metadata: Logger.Metadata = [:]
  ) {
    queue.statistics.update { $0.refusedPeers += 1 }
    var throttle = refusalLogs[refusal] ?? LogThrottle(interval: Self.refusalLogInterval)
    let admitted = throttle.admit(at: now)
    refusalLogs[refusal] = throttle
    guard let suppressed = admitted else { return }
    // While a key is replaced, members try keys that are not those of their peers.
    let isUsual = refusal == .otherBus && configuration.key?.accepted.isEmpty == false
    logger.log(
      level: isUsual ? .info : .warning,
      "the peer at \(address ?? "an unknown address") \(refusal.rawValue)",
      metadata: metadata.merging(["suppressed": "\(suppressed)"]) { own, _ in own })
  }

  /// Why somebody did not get in, each told at its own times.
  enum Refusal: String {
    case unknownKey =
      "did not show an accepted key and was not let in: it shows a key that is not in the key file"
    case isPlain = "did not show an accepted key and was not let in: it does not encrypt"
    case otherBus =
      "did not show an accepted key and was not let in: it was given the key of another bus"
    case encrypts =
      "was not let in: it encrypts and this bus has no key; give all members the same --bus-key"
  }

  /// Rarely: a node that is set up wrongly knocks several times a second.
  static let refusalLogInterval = TimeAmount.seconds(10)

  // MARK: Where we come

  /// A link did not get through its handshake. It tries again, with the next key if there are several.
  func noteFailedHandshake(of link: PeerLink, _ failure: HandshakeFailure) {
    queue.statistics.update { $0.failedHandshakes += 1 }
    link.hasFailed = true
    link.triesNextKey = true
    let isLastKey = link.isAtLastKey
    // libzmq gives up after some failures and goes on after others; a link always goes on. Where libzmq goes on,
    // further failures come before the link's turn, and must not put it off.
    let due = now + (isLastKey ? Self.retryDelay : Self.nextKeyDelay)
    link.retry = min(link.retry ?? due, due)
    guard isLastKey, let reason = refusalText(failure.reason) else { return }
    queue.statistics.update { $0.refusedLinks += 1 }
    guard let suppressed = link.refusalLog.admit(at: now) else { return }
    var metadata = metadata(of: link.peer)
    metadata["suppressed"] = "\(suppressed)"
    logger.warning("the peer at \(link.peer.requestEndpoint) \(reason)", metadata: metadata)
  }

  private func refusalText(_ reason: HandshakeFailure.Reason) -> String? {
    let hasKey = configuration.key != nil
    switch reason {
    case .denied: return "does not accept the key of this node; give both the same --bus-key"
    case .otherMechanism:
      return hasKey
        ? "does not encrypt, and this node has a --bus-key; give it the same"
        : "wants a key, and this node shows none; give it the peer's --bus-key"
    case .broken, .otherServerKey:
      return hasKey
        ? "does not have an accepted key, does not encrypt, or is no bus; give both the same --bus-key"
        : nil
    case .protocolError: return nil
    }
  }

  /// Before the next key is tried.
  static let nextKeyDelay = TimeAmount.milliseconds(20)
  /// Before all are tried again, and before a connection that ended is made anew.
  static let retryDelay = TimeAmount.seconds(1)
}

extension ZeroMQBusConfiguration {
  /// What sockets need that listen.
  var listenerOptions: [Socket.Option] {
    key.map { [.curveServer($0.pair.secretKey, domain: BusGate.domain)] } ?? []
  }
}
