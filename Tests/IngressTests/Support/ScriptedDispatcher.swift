import CloudstateModel
import Ingress
import NIOCore

/// Runs nothing: a test answers what it was asked to run, when it likes. On one loop only.
final class ScriptedDispatcher: CommandDispatcher, @unchecked Sendable {
  struct Dispatched {
    let command: EntityCommand
    let completion: (CommandAnswer) -> Void
  }

  private(set) var commands: [Dispatched] = []
  private(set) var actions: [ScriptedAction] = []
  /// Responses of actions that wait for what follows from them.
  private(set) var settling: [(answer: CommandAnswer, completion: (CommandAnswer) -> Void)] = []
  var settlesAtOnce = true

  func dispatch(
    _ command: EntityCommand, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (CommandAnswer) -> Void
  ) {
    commands.append(Dispatched(command: command, completion: completion))
  }

  func open(
    _ request: ActionRequest, on eventLoop: any EventLoop, owner: any ActionCallOwner
  ) -> any ActionCall {
    let action = ScriptedAction(request: request, owner: owner)
    actions.append(action)
    return action
  }

  func settle(
    _ answer: CommandAnswer, of request: ActionRequest, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (CommandAnswer) -> Void
  ) {
    if settlesAtOnce { completion(answer) } else { settling.append((answer, completion)) }
  }

  func answer(_ index: Int, _ text: String) {
    commands[index].completion(.text(text))
  }

  func settleFirst() {
    let first = settling.removeFirst()
    first.completion(first.answer)
  }
}

/// The function's side of an action's call.
final class ScriptedAction: ActionCall {
  let request: ActionRequest
  let owner: any ActionCallOwner
  var isWritable = true
  private(set) var sent: [String] = []
  private(set) var isEnded = false
  private(set) var isCancelled = false
  private(set) var isReading = true

  init(request: ActionRequest, owner: any ActionCallOwner) {
    self.request = request
    self.owner = owner
  }

  func send(_ payload: [UInt8]) { sent.append(String(decoding: payload, as: UTF8.self)) }
  func end() { isEnded = true }
  func cancel() { isCancelled = true }
  func setReading(_ reading: Bool) { isReading = reading }
}

extension CommandAnswer {
  static func text(_ text: String, metadata: [CommandMetadata] = []) -> CommandAnswer {
    CommandAnswer(
      .reply(ReplyPayload(typeURL: "t/Out", value: Array(text.utf8), metadata: metadata)))
  }
}
