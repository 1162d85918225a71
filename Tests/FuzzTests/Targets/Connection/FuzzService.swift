import GRPCTransport
import NIOCore

/// Who answers the calls and requests of a fuzzed connection, and watches that each is told what it must be
/// told, when it must be. All on one loop.
final class FuzzService: GRPCServerRouter, HTTPServerRouter, @unchecked Sendable {
  /// What a handler does, chosen by the last character of the path.
  enum Conduct: Int, CaseIterable {
    case echo, echoLater, stream, finishAtOnce, finishAtFirst, pause, headersFirst, silence, large
    case unknown, failLater, finishTwice

    init(_ path: String) {
      let last = Int(path.utf8.last ?? 0)
      self = Self.allCases[last % Self.allCases.count]
    }
  }

  /// Messages or pieces of a stream.
  static let streamLength = 24
  private static let maximumTasks = 4096

  /// The first thing that went wrong.
  private(set) var violation: String?
  /// Calls and exchanges whose end has not come.
  var open = 0
  /// Handlers that exist.
  var handlers = 0
  private var tasks: [() -> Void] = []

  func note(_ violation: String) { self.violation = self.violation ?? violation }

  /// Does something at a later step of the input, as an answer from elsewhere would come.
  func later(_ task: @escaping () -> Void) {
    if tasks.count < Self.maximumTasks { tasks.append(task) }
  }

  /// Does what waits. Answers whether there was something.
  func step() -> Bool {
    let batch = tasks
    tasks = []
    for task in batch { task() }
    return !batch.isEmpty
  }

  func forget() { tasks = [] }

  func handler(for call: any GRPCServerCall) -> (any GRPCServerCallHandler)? {
    let conduct = Conduct(call.path)
    guard conduct != .unknown else { return nil }
    let handler = FuzzCallHandler(call, conduct, self)
    handler.begin()
    return handler
  }

  func handle(
    _ request: HTTPServerRequest, on exchange: any HTTPServerExchange
  ) -> (any HTTPServerExchangeHandler)? {
    let path = request.target.prefix { $0 != "?" }
    let handler = FuzzExchangeHandler(request, exchange, Conduct(String(path)), self)
    handler.begin()
    return handler.isOver ? nil : handler
  }
}
