import CommandLineKit
import Glibc
import TestSupport
import Testing

@testable import Launcher

@Suite("Nodes that stay after all")
struct UndrainingTests {
  @Test("a start undrains what was noted and is there, and the file is gone with the last name")
  func notes() throws {
    let folder = try TemporaryDirectory()
    let layout = RunLayout(data: folder.path)
    var notes = try DrainNotes(in: layout)
    #expect(notes.names == [])
    notes.add(["cart-3", "cart-2", "users-2"])
    try notes.save(in: layout)
    #expect(try readFile(layout.drainNotes) == "cart-2\ncart-3\nusers-2\n")
    let read = try DrainNotes(in: layout)
    #expect(read.owed(among: ["cart-1", "cart-2", "cart-3"]) == ["cart-2", "cart-3"])
    for node in ["cart-2", "users-2", "cart-3"] { notes.remove(node) }
    try notes.save(in: layout)
    try notes.save(in: layout)
    #expect(access(layout.drainNotes, F_OK) != 0)
    #expect(DrainNotes(text: "../x\n\ncart 1").owed(among: ["cart-1"]) == [])
  }

  @Test("the coordinator is told until it has taken it in, once at a time")
  func untilSettled() {
    var machine = Undraining()
    #expect(machine.nextDeadline == nil)
    machine.add("cart-3", at: .seconds(1))
    machine.add("cart-2", at: .seconds(1))
    #expect(machine.nextDeadline == .seconds(1))
    #expect(machine.due(at: .seconds(1)) == ["cart-2", "cart-3"])
    // While an answer is awaited nothing is sent, and nothing is due.
    machine.add("cart-3", at: .seconds(2))
    #expect(machine.due(at: .seconds(60)) == [])
    #expect(machine.nextDeadline == nil)
    machine.ended("cart-2", .settled, at: .seconds(3))
    machine.ended("cart-3", .silent, at: .seconds(3))
    #expect(machine.names == ["cart-3"])
    #expect(machine.due(at: .milliseconds(3999)) == [])
    #expect(machine.nextDeadline == .seconds(4))
    #expect(machine.due(at: .seconds(4)) == ["cart-3"])
    machine.ended("cart-3", .settled, at: .seconds(5))
    #expect(machine.isEmpty)
    // An answer that comes twice, or for what was forgotten, is none.
    machine.ended("cart-3", .silent, at: .seconds(6))
    #expect(machine.isEmpty)
  }
}
