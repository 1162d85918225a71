import CZeroMQ

/// A call into libzmq, or the kernel call beneath it, that failed.
package struct ZeroMQError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The `errno` value, one of the system's or of libzmq's own.
  package let code: Int32
  /// The C function, and what it was applied to, such as `zmq_bind tcp://127.0.0.1:5101`.
  package let operation: String

  package init(code: Int32, operation: String) {
    self.code = code
    self.operation = operation
  }

  package var description: String { "\(operation): \(String(cString: zmq_strerror(code)))" }
}

/// What the status of a call means to its caller; every status passes through here.
enum CallOutcome {
  case success(Int32)
  /// A signal interrupted the call (EINTR): call again.
  case retry
  /// A non-blocking call could not go on (EAGAIN): a value, not an error.
  case wouldBlock
  case failure(ZeroMQError)

  /// Sorts the status of the libzmq call that has just returned on this thread.
  ///
  /// A status that only misuse of the wrapper can bring about is a bug and stops the program with its
  /// name.
  init(status: Int32, operation: @autoclosure () -> String) {
    guard status == -1 else {
      self = .success(status)
      return
    }
    let code = zmq_errno()
    switch code {
    case EINTR: self = .retry
    case EAGAIN: self = .wouldBlock
    case EFAULT, ENOTSOCK, EBADF:
      preconditionFailure("\(ZeroMQError(code: code, operation: operation()))")
    default: self = .failure(ZeroMQError(code: code, operation: operation()))
    }
  }
}

/// Runs a libzmq call until no signal interrupts it, and answers its status or `nil` for EAGAIN.
func perform(
  _ operation: @autoclosure () -> String, _ call: () -> Int32
) throws(ZeroMQError) -> Int32? {
  while true {
    switch CallOutcome(status: call(), operation: operation()) {
    case .success(let status): return status
    case .retry: continue
    case .wouldBlock: return nil
    case .failure(let error): throw error
    }
  }
}

/// As ``perform(_:_:)`` for calls that have no reason to say EAGAIN.
func require(
  _ operation: @autoclosure () -> String, _ call: () -> Int32
) throws(ZeroMQError) {
  guard try perform(operation(), call) != nil else {
    throw ZeroMQError(code: EAGAIN, operation: operation())
  }
}
