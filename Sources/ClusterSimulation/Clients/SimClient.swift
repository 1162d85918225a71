import CloudstateModel

/// A client in a closed loop: one command after the other, to any node. It keeps a history of what it saw.
final class SimClient {
  private unowned let cluster: SimCluster
  private let world: World
  let name: String
  private var isStopped = false
  /// What the client still has under way.
  private(set) var isWaiting = false

  init(_ name: String, in cluster: SimCluster) {
    self.name = name
    self.cluster = cluster
    world = cluster.world
  }

  func start() { pauseThenGoOn() }

  /// Begins nothing more.
  func stop() { isStopped = true }

  private func pauseThenGoOn() {
    let span = world.random.span(cluster.settings.thinkTime)
    world.after(span) { [self] in
      guard !isStopped else { return }
      let entity = world.random.int(0...cluster.settings.entities - 1)
      let isRead = world.random.chance(ppm: 400_000)
      let isKeyed = world.random.chance(ppm: 500_000)
      begin(isRead ? .read : .append, on: entity, isKeyed: isKeyed) { [self] in pauseThenGoOn() }
    }
  }

  /// Sends one command, and repeats it as long as that does no harm and its outcome is not known.
  func begin(
    _ kind: Operation.Kind, on entity: Int, isKeyed: Bool, attempts: Int? = nil,
    completion: @escaping () -> Void
  ) {
    let key = ListEntity.key(entity)
    let number = cluster.nextOperation()
    let operation = Operation(
      number: number, entity: key.entityID, kind: kind, invokedAt: world.now)
    let place = cluster.record(operation)
    isWaiting = true
    let command =
      kind == .read
      ? ListEntity.read(key, number: number)
      : ListEntity.append(number, to: key, key: isKeyed ? "key-\(number)" : nil)
    attempt(
      Attempt(
        command: command, place: place,
        left: attempts ?? (isKeyed ? world.random.int(1...6) : 1), completion: completion))
  }

  private struct Attempt {
    let command: EntityCommand
    let place: Int
    var left: Int
    /// An earlier attempt may have had an effect.
    var isInDoubt = false
    let completion: () -> Void
  }

  private func attempt(_ attempt: Attempt) {
    var attempt = attempt
    attempt.left -= 1
    let timeout = cluster.settings.clientTimeout
    var isOpen = true
    let finish: (CommandAnswer?) -> Void = { [self] answer in
      guard isOpen else { return }
      isOpen = false
      ended(answer, attempt)
    }
    world.after(timeout) { finish(nil) }
    guard let node = world.random.pick(cluster.nodes.filter { !$0.hasLeft }), node.process.isAlive
    else {
      // Nothing was sent.
      world.after(Span.millisecond) {
        finish(.error(CommandError(.shardUnavailable, "no connection")))
      }
      return
    }
    world.note(
      name,
      "\(attempt.command.method) \(attempt.command.text) at \(node.id)"
        + (attempt.command.idempotencyKey == nil ? "" : ", keyed"))
    let life = node.process.life
    let command = attempt.command
    world.after(world.random.span(20_000...200_000)) { [self] in
      guard node.process.life == life else { return finish(nil) }
      node.process.run { [self] in
        node.run?.router.route(command, timeout: timeout) { [self] answer in
          world.after(world.random.span(20_000...200_000)) {
            // The answer was given to the connection before whatever happened since.
            finish(node.process.life == life ? answer : nil)
          }
        }
      }
    }
  }

  private func ended(_ answer: CommandAnswer?, _ attempt: Attempt) {
    let outcome = Self.outcome(of: answer)
    world.note(
      name,
      "\(attempt.command.method) \(attempt.command.text): \(outcome.text)"
        + (answer.flatMap(\.errorText).map { " (\($0))" } ?? ""))
    var attempt = attempt
    // The function's own word stands, also under the key.
    if case .failure = answer?.outcome { return finish(attempt, outcome) }
    switch outcome {
    case .ok: break
    case .failed:
      if attempt.isInDoubt || attempt.left > 0 { return again(attempt) }
    case .unknown:
      attempt.isInDoubt = true
      if attempt.left > 0 { return again(attempt) }
    }
    finish(attempt, outcome)
  }

  private func again(_ attempt: Attempt) {
    guard attempt.left > 0, !isStopped else { return finish(attempt, .unknown) }
    world.after(world.random.span(Span.millisecond...200 * Span.millisecond)) { [self] in
      self.attempt(attempt)
    }
  }

  private func finish(_ attempt: Attempt, _ outcome: Operation.Outcome) {
    isWaiting = false
    cluster.complete(attempt.place, attempt.isInDoubt && outcome == .failed ? .unknown : outcome)
    attempt.completion()
  }

  /// What an answer says of the command's effect, by the documentation of its code.
  private static func outcome(of answer: CommandAnswer?) -> Operation.Outcome {
    switch answer?.outcome {
    case .reply(let reply): return ListEntity.state(reply).map { .ok($0) } ?? .unknown
    case .failure: return .failed
    case .error(let error):
      switch error.code {
      case .timeout, .outcomeUnknown: return .unknown
      default: return .failed
      }
    case .forward, nil: return .unknown
    }
  }
}

extension Operation.Outcome {
  var text: String {
    switch self {
    case .ok(let state): "ok, length \(state.count)"
    case .failed: "failed"
    case .unknown: "unknown"
    }
  }
}

extension CommandAnswer {
  fileprivate var errorText: String? {
    if case .error(let error) = outcome { "\(error)" } else { nil }
  }
}
