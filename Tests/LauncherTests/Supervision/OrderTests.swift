import Testing

@testable import Launcher

private func plan(
  _ name: String, _ role: ProcessPlan.Role, _ dependencies: [Int] = []
) -> ProcessPlan {
  ProcessPlan(
    name: name, role: role, arguments: [name], environment: [:], directory: "/",
    readiness: .file("/\(name)"), dependencies: dependencies)
}

/// A coordinator (0), a function (1) and its node (2), ready since second 1.
private func running() -> Supervisor {
  var machine = Supervisor(processes: [
    plan("c", .coordinator), plan("f", .function), plan("n-1", .node, [0, 1]),
  ])
  _ = machine.handle(.tick, at: .zero)
  for index in 0..<3 { _ = machine.handle(.ready(index), at: .seconds(1)) }
  return machine
}

@Suite("Orders to single processes")
struct OrderTests {
  @Test("a killed process starts again as after a crash")
  func kill() {
    var machine = running()
    let order = machine.handle(.order(2, .kill(keepsDown: false)), at: .seconds(2))
    #expect(order == [.kill(2)])
    let exit = machine.handle(.exited(2, .signal(9)), at: .seconds(2))
    #expect(exit == [.tell(.restarting(2, .signal(9), delay: .milliseconds(250)))])
    #expect(machine.handle(.tick, at: .seconds(3)) == [.start(2)])
  }

  @Test("a process that is kept down stays down until it is started")
  func keepDown() {
    var machine = running()
    #expect(machine.handle(.order(2, .kill(keepsDown: true)), at: .seconds(2)) == [.kill(2)])
    #expect(machine.refusal(of: .restart, for: 2) != nil)
    let exit = machine.handle(.exited(2, .signal(9)), at: .seconds(2))
    #expect(exit == [.tell(.held(2))])
    #expect(machine.nextDeadline == nil)
    #expect(machine.handle(.tick, at: .seconds(3600)) == [])
    #expect(machine.refusal(of: .kill(keepsDown: false), for: 2) == "is down")
    #expect(machine.handle(.order(2, .start), at: .seconds(3601)) == [.start(2)])
    #expect(machine.restarts[2] == 1)
    #expect(machine.refusal(of: .start, for: 2) == "runs already")
  }

  @Test("what waits for its next start is started at once, or kept down")
  func whileBackingOff() {
    for keepsDown in [false, true] {
      var machine = running()
      _ = machine.handle(.exited(2, .code(1)), at: .seconds(2))
      #expect(machine.refusal(of: .pause, for: 2) != nil)
      let order = keepsDown ? Order.kill(keepsDown: true) : .start
      let actions = machine.handle(.order(2, order), at: .milliseconds(2001))
      #expect(actions == (keepsDown ? [.tell(.held(2))] : [.start(2)]))
    }
  }

  @Test("a paused process is not ready, and others wait for it; it goes on as it was")
  func pause() {
    var machine = running()
    #expect(machine.refusal(of: .resume, for: 1) == "is not paused")
    #expect(machine.handle(.order(1, .pause), at: .seconds(2)) == [.pause(1)])
    #expect(machine.refusal(of: .pause, for: 1) == "is paused already")
    _ = machine.handle(.exited(2, .code(1)), at: .seconds(3))
    #expect(machine.handle(.tick, at: .seconds(4)) == [])
    #expect(machine.handle(.order(1, .resume), at: .seconds(5)) == [.resume(1), .start(2)])
    #expect(machine.restarts[1] == 0)
  }

  @Test("a restart stops in order and starts at once; what does not stop in time is killed")
  func restart() {
    var machine = running()
    #expect(machine.handle(.order(2, .restart), at: .seconds(2)) == [.terminate(2)])
    #expect(machine.nextDeadline == .seconds(32))
    #expect(machine.refusal(of: .kill(keepsDown: false), for: 2) != nil)
    #expect(machine.handle(.exited(2, .code(0)), at: .seconds(3)) == [.start(2)])
    _ = machine.handle(.ready(2), at: .seconds(4))
    _ = machine.handle(.order(2, .restart), at: .seconds(5))
    #expect(machine.handle(.tick, at: .seconds(35)) == [.tell(.killed(2)), .kill(2)])
    #expect(machine.handle(.tick, at: .seconds(36)) == [])
    #expect(machine.handle(.exited(2, .signal(9)), at: .seconds(37)) == [.start(2)])
  }

  @Test("stopping the topology wakes what is paused, and leaves what is down")
  func stopping() {
    var machine = running()
    _ = machine.handle(.order(0, .kill(keepsDown: true)), at: .seconds(2))
    _ = machine.handle(.exited(0, .signal(9)), at: .seconds(2))
    _ = machine.handle(.order(2, .pause), at: .seconds(3))
    let stop = machine.handle(.stop, at: .seconds(4))
    #expect(stop == [.tell(.stopping(.node)), .terminate(2), .resume(2)])
    #expect(machine.refusal(of: .start, for: 0) != nil)
    _ = machine.handle(.exited(2, .code(0)), at: .seconds(5))
    let last = machine.handle(.exited(1, .code(0)), at: .seconds(6))
    #expect(last == [.finished(.stopped)])
  }

  @Test("a paused process that is retired ends; its place goes to the next of its name")
  func retireAndJoin() {
    var machine = running()
    let joining = [plan("g", .function), plan("n-2", .node, [0, 3])]
    #expect(machine.add(joining) == [3, 4])
    #expect(machine.handle(.tick, at: .seconds(2)) == [.start(3)])
    #expect(machine.handle(.ready(3), at: .seconds(2)) == [.start(4)])
    _ = machine.handle(.ready(4), at: .seconds(3))
    _ = machine.handle(.order(4, .pause), at: .seconds(3))
    #expect(machine.handle(.order(4, .retire), at: .seconds(4)) == [.terminate(4), .resume(4)])
    #expect(machine.handle(.exited(4, .code(0)), at: .seconds(5)) == [])
    #expect(machine.states[4] == .retired)
    #expect(machine.handle(.tick, at: .seconds(3600)) == [])
    #expect(machine.refusal(of: .start, for: 4) == "is gone")

    // The function stayed, so only the node's place is free.
    let again = [plan("h", .function), plan("n-2", .node, [0, 5])]
    #expect(machine.add(again) == [5, 4])
    #expect(machine.processes[4].dependencies == [0, 5])
    #expect(machine.handle(.tick, at: .seconds(3601)) == [.start(5)])
    #expect(machine.restarts[4] == 0)
  }

  @Test("nothing is ordered before everything was ready once")
  func launching() {
    let machine = Supervisor(processes: [plan("c", .coordinator)])
    #expect(machine.refusal(of: .pause, for: 0)?.contains("still starting") == true)
  }
}
