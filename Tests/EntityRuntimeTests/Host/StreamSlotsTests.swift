import Testing

@testable import EntityRuntime

/// Who gets a stream when there are few.
@Suite struct StreamSlotsTests {
  @Test("Slots go to those in line, in order")
  func line() {
    var slots = StreamSlots<String>(capacity: 1, maximumWaiting: 2)
    #expect(slots.request("a") == .granted)
    #expect(slots.request("b") == .waiting)
    #expect(slots.request("c") == .waiting)
    #expect(slots.request("d") == .denied)
    #expect(slots.release() == "b")
    #expect(slots.release() == "c")
    #expect(slots.release() == nil)
    #expect(slots.used == 0)
  }

  @Test("Who leaves the line is passed over and takes no room in it")
  func withdrawal() {
    var slots = StreamSlots<Int>(capacity: 1, maximumWaiting: 4)
    #expect(slots.request(0) == .granted)
    for number in 1...4 { #expect(slots.request(number) == .waiting) }
    slots.withdraw(1)
    #expect(slots.waiting == 3)
    #expect(slots.request(5) == .waiting)
    #expect(slots.request(6) == .denied)
    #expect(slots.release() == 2)
    for number in 3...5 { slots.withdraw(number) }
    #expect(slots.waiting == 0)
    #expect(slots.release() == nil)
    #expect(slots.used == 0)
    #expect(slots.request(7) == .granted)
  }

  @Test("However many come and go, the line holds no more than twice those that wait")
  func compaction() {
    var slots = StreamSlots<Int>(capacity: 1, maximumWaiting: 3)
    #expect(slots.request(0) == .granted)
    #expect(slots.request(1) == .waiting)
    for number in 2..<1000 {
      #expect(slots.request(number) == .waiting)
      slots.withdraw(number)
      #expect(slots.waiting == 1)
      #expect(slots.lineLength <= 2)
    }
    #expect(slots.release() == 1)
  }

  @Test("Without a limit everyone gets one")
  func unlimited() {
    var slots = StreamSlots<Int>(capacity: nil, maximumWaiting: 0)
    for number in 0..<100 { #expect(slots.request(number) == .granted) }
  }
}
