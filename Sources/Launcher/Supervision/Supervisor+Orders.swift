/// What somebody wants of one process of a running topology.
package enum Order: Hashable, Sendable {
  /// End it as a crash does. It is started again as after a crash, or stays down.
  case kill(keepsDown: Bool)
  /// Suspend it: it keeps its memory and its connections, and does nothing.
  case pause
  case resume
  /// Stop it in order and start it again.
  case restart
  /// Start what is kept down, or what waits for its next start.
  case start
  /// Stop it in order, for good.
  case retire
}

extension Supervisor {
  /// Why an order cannot be carried out now, as the end of a sentence that begins with the name of the
  /// process; `nil` when it can.
  package func refusal(of order: Order, for index: Int) -> String? {
    if isStopping { return "cannot be told anything: the topology is stopping" }
    if !hasLaunched { return "cannot be told anything yet: the topology is still starting" }
    switch (order, states[index]) {
    case (_, .retired): return "is gone"
    case (.retire, _): return nil
    case (_, .ending): return "is just being ended by an earlier order"
    case (.kill(keepsDown: true), .held), (.start, .ready), (.start, .starting), (.start, .paused),
      (.start, .killing):
      return order == .start ? "runs already" : "is down already"
    case (.kill(keepsDown: true), _), (.start, _): return nil
    case (.pause, .ready), (.resume, .paused): return nil
    case (.pause, .paused): return "is paused already"
    case (.pause, .starting): return "is not ready yet"
    case (.resume, _) where states[index].isAlive: return "is not paused"
    case (.kill, _) where states[index].isAlive, (.restart, _) where states[index].isAlive:
      return nil
    case (_, .held): return "is down"
    default: return "does not run just now; it waits for its next start"
    }
  }

  /// Takes processes into a running topology and answers their indices.
  ///
  /// A process takes the place of a retired one of its name, so that a topology that is scaled up and
  /// down again and again does not grow.
  ///
  /// - Parameter plans: dependencies among them are given as if they were appended.
  package mutating func add(_ plans: [ProcessPlan]) -> [Int] {
    let firstIndex = processes.count
    var indices: [Int] = []
    for plan in plans {
      var plan = plan
      plan.dependencies = plan.dependencies.map {
        $0 < firstIndex ? $0 : indices[$0 - firstIndex]
      }
      let place = processes.indices.first {
        states[$0] == .retired && processes[$0].name == plan.name
      }
      if let place {
        processes[place] = plan
        states[place] = .waiting
        restarts[place] = 0
        failures[place] = 0
        wasStarted[place] = false
        indices.append(place)
      } else {
        indices.append(processes.count)
        processes.append(plan)
        states.append(.waiting)
        restarts.append(0)
        failures.append(0)
        wasStarted.append(false)
      }
    }
    return indices
  }

  mutating func carryOut(
    _ order: Order, _ index: Int, at now: Duration, _ actions: inout [Action]
  ) {
    guard refusal(of: order, for: index) == nil else { return }
    let state = states[index]
    switch order {
    case .kill(keepsDown: false): actions.append(.kill(index))
    case .kill(keepsDown: true):
      states[index] = state.isAlive ? .ending(.hold, killAt: nil) : .held
      actions.append(state.isAlive ? .kill(index) : .tell(.held(index)))
    case .pause:
      if case .ready(let since) = state { states[index] = .paused(since: since) }
      actions.append(.pause(index))
    case .resume:
      if case .paused(let since) = state { states[index] = .ready(since: since) }
      actions.append(.resume(index))
    case .restart: end(index, .restart, at: now, &actions)
    case .start:
      failures[index] = 0
      states[index] = .waiting
    case .retire:
      if state.isAlive { end(index, .retire, at: now, &actions) } else { states[index] = .retired }
    }
  }

  /// What follows the exit of a process that an order ended.
  mutating func ended(_ index: Int, by ending: Ending, _ actions: inout [Action]) {
    failures[index] = 0
    switch ending {
    case .restart: states[index] = .waiting
    case .hold:
      states[index] = .held
      actions.append(.tell(.held(index)))
    case .retire: states[index] = .retired
    }
  }

  private mutating func end(
    _ index: Int, _ ending: Ending, at now: Duration, _ actions: inout [Action]
  ) {
    switch states[index] {
    case .killing, .ending(_, killAt: nil):
      states[index] = .ending(ending, killAt: nil)
    case .ending(_, let killAt): states[index] = .ending(ending, killAt: killAt)
    case let state:
      states[index] = .ending(
        ending, killAt: now + limits.stopWithin(processes[index].role))
      actions.append(.terminate(index))
      // A suspended process takes the signal when it goes on.
      if case .paused = state { actions.append(.resume(index)) }
    }
  }
}
