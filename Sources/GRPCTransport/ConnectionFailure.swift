import Glibc
import NIOCore
import NIOHTTP2
import NIOPosix

/// Why a connection could not be made or kept, in words for people: the libraries' own descriptions name
/// their types and source lines.
package enum ConnectionFailure {
  package static func text(of error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
      if let single = error.connectionErrors.last { return text(of: single.error) }
      return "the name \(error.host) could not be resolved"
    case let error as IOError:
      return error.errnoCode == ECONNREFUSED
        ? "nothing listens there (connection refused)" : String(cString: strerror(error.errnoCode))
    case ChannelError.connectTimeout(let time):
      return "no answer within \(time.nanoseconds / 1_000_000) ms"
    case is NIOHTTP2Errors.UnableToParseFrame, is NIOHTTP2Errors.BadClientMagic:
      return "what answers there does not speak gRPC (a management port?)"
    default:
      return "\(error)"
    }
  }
}
