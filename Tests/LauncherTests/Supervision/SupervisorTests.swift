import Testing

@testable import Launcher

/// A coordinator (0), a function (1) and its node (2).
private func threeProcesses() -> [ProcessPlan] {
  func plan(_ name: String, _ role: ProcessPlan.Role, _ dependencies: [Int]) -> ProcessPlan {
    ProcessPlan(
      name: name, role: role, arguments: [name], environment: [:], directory: "/",
      readiness: .file("/\(name)"), dependencies: dependencies)
  }
  return [plan("c", .coordinator, []), plan("f", .function, []), plan("n", .node, [0, 1])]
}

private func supervisor() -> Supervisor { Supervisor(processes: threeProcesses()) }

/// Everything ready at second 1.
private func running() -> Supervisor {
  var supervisor = supervisor()
  _ = supervisor.handle(.tick, at: .zero)
  for index in 0..<3 { _ = supervisor.handle(.ready(index), at: .seconds(1)) }
  return supervisor
}

@Suite("The supervisor's decisions")
struct SupervisorTests {
  @Test("nodes wait for coordinator and function; launched once")
  func launch() {
    var machine = supervisor()
    #expect(machine.handle(.tick, at: .zero) == [.start(0), .start(1)])
    #expect(machine.missing(for: 2) == [0, 1])
    #expect(machine.handle(.ready(1), at: .milliseconds(10)) == [])
    #expect(machine.missing(for: 2) == [0])
    #expect(machine.handle(.ready(0), at: .milliseconds(20)) == [.start(2)])
    #expect(!machine.hasLaunched)
    #expect(machine.handle(.ready(2), at: .milliseconds(30)) == [.launched])
    #expect(machine.handle(.ready(2), at: .milliseconds(40)) == [])
    #expect(machine.nextDeadline == nil)
  }

  @Test("a slow launch says what it waits for, again and again")
  func progress() {
    var machine = supervisor()
    _ = machine.handle(.tick, at: .zero)
    _ = machine.handle(.ready(1), at: .seconds(1))
    #expect(machine.nextDeadline == .seconds(2))
    #expect(
      machine.handle(.tick, at: .seconds(2)) == [.tell(.launching([0, 2], after: .seconds(2)))])
    #expect(machine.nextDeadline == .seconds(4))
  }

  @Test("a crash is followed by a restart with a doubling delay up to the longest")
  func backoff() {
    var machine = running()
    var now = Duration.seconds(2)
    var delays: [Duration] = []
    for _ in 0..<10 {
      let actions = machine.handle(.exited(1, .code(1)), at: now)
      guard case .tell(.restarting(1, .code(1), let delay)) = actions.first else {
        Issue.record("unexpected \(actions)")
        return
      }
      delays.append(delay)
      #expect(machine.nextDeadline == now + delay)
      #expect(machine.handle(.tick, at: now + delay - .milliseconds(1)) == [])
      now += delay
      #expect(machine.handle(.tick, at: now) == [.start(1)])
    }
    #expect(delays.prefix(4) == [.milliseconds(250), .milliseconds(500), .seconds(1), .seconds(2)])
    #expect(delays.last == .seconds(30))
    #expect(machine.restarts == [0, 10, 0])
    #expect(machine.handle(.ready(1), at: now) == [.tell(.recovered(1))])
  }

  @Test("a process that was stable starts again with the first delay")
  func stability() {
    var machine = running()
    for second in [2, 3] {
      _ = machine.handle(.exited(1, .code(1)), at: .seconds(second))
      _ = machine.handle(.tick, at: .milliseconds(second * 1000 + 500))
      _ = machine.handle(.ready(1), at: .milliseconds(second * 1000 + 500))
    }
    let actions = machine.handle(.exited(1, .signal(9)), at: .seconds(34))
    #expect(actions == [.tell(.restarting(1, .signal(9), delay: .milliseconds(250)))])
  }

  @Test("a crashed node waits for a crashed function")
  func crashedTogether() {
    var machine = running()
    _ = machine.handle(.exited(1, .code(1)), at: .seconds(2))
    _ = machine.handle(.exited(2, .code(1)), at: .seconds(2))
    #expect(machine.handle(.tick, at: .seconds(3)) == [.start(1)])
    #expect(machine.states[2] == .waiting)
    #expect(machine.handle(.ready(1), at: .seconds(4)) == [.tell(.recovered(1)), .start(2)])
  }

  @Test("a launch gives up when a process keeps exiting, and stops the others in order")
  func launchFailure() {
    var machine = supervisor()
    _ = machine.handle(.tick, at: .zero)
    _ = machine.handle(.ready(0), at: .zero)
    _ = machine.handle(.exited(1, .code(2)), at: .seconds(1))
    #expect(machine.handle(.tick, at: .milliseconds(1250)) == [.start(1)])
    _ = machine.handle(.exited(1, .code(2)), at: .milliseconds(1300))
    #expect(machine.handle(.tick, at: .milliseconds(1800)) == [.start(1)])
    #expect(
      machine.handle(.exited(1, .code(2)), at: .milliseconds(1900)) == [
        .tell(.stopping(.coordinator)), .terminate(0),
      ])
    #expect(
      machine.handle(.exited(0, .code(0)), at: .seconds(2)) == [
        .finished(.crashed(1, .code(2)))
      ])
  }

  @Test("a launch gives up when a process does not become ready")
  func launchTimeout() {
    var machine = supervisor()
    _ = machine.handle(.tick, at: .zero)
    _ = machine.handle(.ready(0), at: .seconds(1))
    let actions = machine.handle(.tick, at: .seconds(30))
    #expect(actions == [.tell(.stopping(.function)), .terminate(1)])
    _ = machine.handle(.exited(1, .signal(15)), at: .seconds(30))
    #expect(
      machine.handle(.exited(0, .code(0)), at: .seconds(31)) == [
        .finished(.notReady(1, after: .seconds(30)))
      ])
  }

  @Test("after the launch a process that does not become ready is killed and restarted")
  func stuckAfterLaunch() {
    var machine = running()
    _ = machine.handle(.exited(2, .code(1)), at: .seconds(2))
    #expect(machine.handle(.tick, at: .milliseconds(2250)) == [.start(2)])
    #expect(
      machine.handle(.tick, at: .milliseconds(32_250)) == [
        .tell(.notReady(2, after: .seconds(30))), .kill(2),
      ])
    #expect(machine.handle(.ready(2), at: .seconds(33)) == [])
    let actions = machine.handle(.exited(2, .signal(9)), at: .seconds(33))
    #expect(actions == [.tell(.restarting(2, .signal(9), delay: .milliseconds(500)))])
  }

  @Test("stopping goes through nodes, functions, coordinator")
  func stop() {
    var machine = running()
    #expect(
      machine.handle(.stop, at: .seconds(5)) == [.tell(.stopping(.node)), .terminate(2)])
    #expect(machine.nextDeadline == .seconds(35))
    #expect(
      machine.handle(.exited(2, .code(0)), at: .seconds(6)) == [
        .tell(.stopping(.function)), .terminate(1),
      ])
    #expect(
      machine.handle(.exited(1, .signal(15)), at: .seconds(7)) == [
        .tell(.stopping(.coordinator)), .terminate(0),
      ])
    #expect(machine.handle(.exited(0, .code(0)), at: .seconds(8)) == [.finished(.stopped)])
    #expect(machine.handle(.tick, at: .seconds(9)) == [])
  }

  @Test("what does not stop in time is killed")
  func stopTimeout() {
    var machine = running()
    _ = machine.handle(.stop, at: .seconds(5))
    #expect(machine.handle(.tick, at: .seconds(35)) == [.tell(.killed(2)), .kill(2)])
    #expect(machine.handle(.tick, at: .seconds(36)) == [])
    #expect(
      machine.handle(.exited(2, .signal(9)), at: .seconds(36)) == [
        .tell(.stopping(.function)), .terminate(1),
      ])
  }

  @Test("a second stop kills everything at once")
  func stopTwice() {
    var machine = running()
    _ = machine.handle(.stop, at: .seconds(5))
    #expect(machine.handle(.stop, at: .seconds(6)) == [.kill(0), .kill(1), .kill(2)])
    _ = machine.handle(.exited(0, .signal(9)), at: .seconds(6))
    _ = machine.handle(.exited(2, .signal(9)), at: .seconds(6))
    let last = machine.handle(.exited(1, .signal(9)), at: .seconds(6))
    #expect(last.last == .finished(.stopped))
    #expect(!last.contains(.terminate(1)))
  }

  @Test("a crash while stopping starts nothing; a stop before readiness is an interruption")
  func stopDuringLaunch() {
    var machine = supervisor()
    _ = machine.handle(.tick, at: .zero)
    _ = machine.handle(.exited(0, .code(1)), at: .milliseconds(10))
    #expect(
      machine.handle(.stop, at: .milliseconds(20)) == [
        .tell(.stopping(.function)), .terminate(1),
      ])
    #expect(
      machine.handle(.exited(1, .code(1)), at: .seconds(9)) == [.finished(.interrupted)])
  }
}
