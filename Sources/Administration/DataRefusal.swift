import GRPCTransport
import ShardStore

/// Why a call of the service has no answer.
struct DataRefusal: Error, Hashable {
  var code: GRPCStatus.Code
  /// For people.
  var message: String

  init(_ code: GRPCStatus.Code, _ message: String) {
    self.code = code
    self.message = message
  }

  var status: GRPCStatus { GRPCStatus(code, message) }

  init(_ error: StoreError) {
    switch error.code {
    case .corruptRecord, .unknownFormatVersion: code = .dataLoss
    case .shardNotOpen, .shardStopped, .staleEpoch, .closed, .readFailed, .inUse, .cannotOpen:
      code = .unavailable
    case .overloaded: code = .resourceExhausted
    case .outOfSequence, .writeFailed, .unconfirmed: code = .internalError
    }
    message = error.message
  }
}
