import NIOCore
import NIOHTTP2

/// What the HTTP/2 handlers of servers and clients have in common, and why it is not the default.
enum HTTP2Setup {
  /// Frames of one kind a peer may send within a second before its connection is closed. The library's 200
  /// within 30 s is below what grpc-go pings, which measures bandwidth with nearly every call, and below what
  /// clients that cancel often reset. The library allocates eight bytes for each, hence no "unlimited".
  private static let framesPerSecond = 10_000

  /// Bytes in the socket's queue above which no stream of the connection is writable. Larger than
  /// the library's 64 KiB, because each crossing is told to every stream.
  static let socketWatermarks = ChannelOptions.Types.WriteBufferWaterMark(
    low: 64 * 1024, high: 256 * 1024)

  /// Settings of a connection's HTTP/2 handler; `settings` go to the peer.
  static func connection(
    settings: HTTP2Settings, windowBytes: Int, concurrentStreams: Int, rememberedResets: Int
  ) -> NIOHTTP2Handler.ConnectionConfiguration {
    var configuration = NIOHTTP2Handler.ConnectionConfiguration()
    configuration.initialSettings = settings
    configuration.targetWindowSize = windowBytes
    configuration.maximumConnectionGlitches = .max
    configuration.maximumSequentialEmptyDataFrames = 100
    // Headers, trailers and resets wait here while the socket is full; beyond the limit the connection is
    // closed, and with it calls that were answered.
    configuration.maximumBufferedControlFrames = max(10_000, 4 * concurrentStreams)
    configuration.controlFrameRateLimit.maximumCount = framesPerSecond
    configuration.controlFrameRateLimit.windowLength = .seconds(1)
    // A frame for a stream that was reset longer ago than this many resets closes the connection.
    configuration.maximumRecentlyResetStreams = rememberedResets
    return configuration
  }

  /// Limits on what peers do to streams.
  static func stream() -> NIOHTTP2Handler.StreamConfiguration {
    var configuration = NIOHTTP2Handler.StreamConfiguration()
    configuration.streamResetFrameRateLimit.maximumCount = framesPerSecond
    configuration.streamResetFrameRateLimit.windowLength = .seconds(1)
    configuration.streamErrorRateLimit.maximumCount = framesPerSecond
    return configuration
  }

  /// What an error that reached the end of a connection's pipeline means for the connection.
  enum Severity {
    /// One stream is broken; the library has reset it.
    case stream
    /// The two sides disagree about a stream that is over: no new streams here, the others may
    /// finish.
    case drain
    case connection
  }

  /// Sorts an error; whatever is not known to be lesser costs the connection.
  static func severity(of error: any Error) -> Severity {
    switch error {
    case is NIOHTTP2Errors.NoSuchStream, is NIOHTTP2Errors.CreatedStreamAfterGoaway:
      .drain
    case is NIOHTTP2Errors.StreamError, is NIOHTTP2Errors.StreamClosed,
      is NIOHTTP2Errors.MissingPseudoHeader, is NIOHTTP2Errors.DuplicatePseudoHeader,
      is NIOHTTP2Errors.PseudoHeaderAfterRegularHeader, is NIOHTTP2Errors.UnknownPseudoHeader,
      is NIOHTTP2Errors.UnsupportedPseudoHeader, is NIOHTTP2Errors.InvalidPseudoHeaders,
      is NIOHTTP2Errors.InvalidPseudoHeaderValue, is NIOHTTP2Errors.EmptyPathHeader,
      is NIOHTTP2Errors.InvalidStatusValue, is NIOHTTP2Errors.TrailersWithoutEndStream,
      is NIOHTTP2Errors.InvalidHTTP2HeaderFieldName, is NIOHTTP2Errors.InvalidHTTP2HeaderFieldValue,
      is NIOHTTP2Errors.ForbiddenHeaderField, is NIOHTTP2Errors.ContentLengthViolated,
      is NIOHTTP2Errors.ContentLengthHeadersMismatch, is NIOHTTP2Errors.ContentLengthHeaderNegative,
      is NIOHTTP2Errors.ContentLengthHeaderMalformedValue:
      .stream
    default:
      .connection
    }
  }
}
