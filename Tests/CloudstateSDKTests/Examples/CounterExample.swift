import CloudstateSDK
import SwiftProtobuf  // not shown
import Testing  // not shown

struct Counter: EventSourcedEntity {
  static let serviceName = "example.Counter"
  static let persistenceID = "counter"

  var total: Int64 = 0

  static var behavior: Behavior<Self> {
    OnCommand("Add") { (context, amount: Example_Amount) in
      guard amount.value > 0 else { throw CommandFailure("Add at least 1.") }
      context.emit(Example_Added.with { $0.value = amount.value })
    }

    OnCommand("Total") { (context, _: Example_Amount) in
      Example_Amount.with {
        $0.counter = context.entityID
        $0.value = context.state.total
      }
    }

    OnEvent { (counter, added: Example_Added) in counter.total += added.value }
  }
}

private func runMain() async {  // not shown
  await CloudstateServer(descriptors: serviceDescriptors, entities: [Counter.self]).runMain()
}  // not shown

@Suite struct CounterExample {
  @Test("The example of the article FirstEntity")
  func example() throws {
    var counter = try EntityTester<Counter>()
    try counter.send("Add", Example_Amount.with { $0.value = 2 })
    #expect(counter.state.total == 2)
  }
}
