package import NIOCore

/// Settings of a ``ZeroMQMessageBus``. All nodes of a cluster use the same message size.
package struct ZeroMQBusConfiguration: Sendable {
  /// Where to listen for requests: `tcp://ADDRESS:PORT` or `ipc://PATH`; the port may be `*`. Default: a
  /// free port of the loopback interface.
  package var requestBind = "tcp://127.0.0.1:*"
  /// Where peers subscribe.
  package var publishBind = "tcp://127.0.0.1:*"

  /// Encrypts all links, and admits only peers that have the key. Default: none; every peer is admitted, and
  /// what passes can be read on the wire.
  package var key: BusKey?

  /// The largest payload of a request, an answer or a publication, in bytes; larger ones are refused.
  /// Default 16 MiB. A peer that sends larger frames is disconnected.
  package var maximumMessageBytes = 16 << 20

  /// Requests and publications that callers may have handed over and the bus thread has not yet seen;
  /// further requests fail as overloaded, further publications are dropped. Answers may use twice as
  /// much. Defaults 65 536 and 128 MiB.
  package var submissionMessages = 65_536
  package var submissionBytes = 128 << 20

  /// What may wait to be sent to one peer; further requests fail as overloaded, further answers are
  /// dropped. Defaults 16 384 and 64 MiB. More costs memory when a peer is slow, less fails bursts.
  package var outboundMessagesPerPeer = 16_384
  package var outboundBytesPerPeer = 64 << 20
  /// Requests to one peer that may be unanswered; further ones fail as overloaded. Default 65 536.
  package var pendingRequestsPerPeer = 65_536

  /// What waits for one peer goes out as one ZeroMQ message of up to so many bytes and envelopes. Defaults
  /// 64 KiB and 256. More saves system calls, less lets small messages pass large ones sooner.
  package var coalescingBytes = 64 << 10
  package var coalescingMessages = 256

  /// How often an idle link is probed. Default 1 s.
  package var heartbeatInterval = TimeAmount.seconds(1)
  /// How long a link may be silent before it counts as broken. Default 3 s; at least twice the interval,
  /// else one late probe breaks a link.
  package var heartbeatTimeout = TimeAmount.seconds(3)
  /// How long requests to a peer just linked wait for the connection before they fail as unreachable.
  /// Default 1 s.
  package var connectGrace = TimeAmount.seconds(1)
  /// How long a shutdown waits for its peers to send no more. Default 500 ms; it takes that long only if one of
  /// them does not answer.
  package var farewellTime = TimeAmount.milliseconds(500)
  /// How long a shutdown waits for queued answers to go out. Default 200 ms.
  package var drainTime = TimeAmount.milliseconds(200)

  package init() {}

  /// Checks the bounds and the relations between settings.
  func validate() throws(BusStartError) {
    if key != nil {
      do { try BusKey.checkLibrary() } catch { throw BusStartError(error.message) }
    }
    let bounds: [(name: String, value: Int)] = [
      ("maximumMessageBytes", maximumMessageBytes), ("submissionMessages", submissionMessages),
      ("submissionBytes", submissionBytes), ("outboundMessagesPerPeer", outboundMessagesPerPeer),
      ("outboundBytesPerPeer", outboundBytesPerPeer),
      ("pendingRequestsPerPeer", pendingRequestsPerPeer), ("coalescingBytes", coalescingBytes),
      ("coalescingMessages", coalescingMessages),
    ]
    for bound in bounds where bound.value < 1 {
      throw BusStartError("\(bound.name) must be at least 1, not \(bound.value)")
    }
    for endpoint in [requestBind, publishBind] where endpoint.hasPrefix("tcp://") {
      // libzmq takes the port modulo 65 536.
      let port = endpoint.split(separator: ":").last ?? ""
      guard port == "*" || UInt16(port) != nil else {
        throw BusStartError("\(endpoint) has no port from 0 to 65535, nor *")
      }
    }
    guard maximumMessageBytes <= Int(Int32.max) else {
      throw BusStartError("maximumMessageBytes must be below 2 GiB, not \(maximumMessageBytes)")
    }
    guard heartbeatInterval >= .milliseconds(1), heartbeatTimeout >= heartbeatInterval * 2 else {
      throw BusStartError(
        "heartbeatTimeout must be at least twice heartbeatInterval, which must be 1 ms or more")
    }
  }

  /// The largest frame that a peer with the same settings can send.
  var maximumFrameBytes: Int64 {
    Int64(max(maximumMessageBytes, coalescingBytes) + WireFormat.maximumOverhead)
  }
}

/// Why a bus could not start: a bad setting, or an endpoint that cannot be bound.
package struct BusStartError: Error, Hashable, Sendable, CustomStringConvertible {
  package let message: String

  package init(_ message: String) { self.message = message }

  package var description: String { message }
}
