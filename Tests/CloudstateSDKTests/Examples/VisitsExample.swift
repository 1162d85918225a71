import CloudstateSDK
import SwiftProtobuf  // not shown
import Testing  // not shown

enum Visits: ReplicatedEntity {
  static let serviceName = "example.Visits"
  static let persistenceID = "visits"

  static var behavior: ReplicatedBehavior<GCounter> {
    OnCommand("Visit") { (context, _: Example_Page) in context.state.increment() }

    OnCommand("Show") { (context, _: Example_Page) in count(context.state) }

    OnStreamedCommand("Watch") {
      (context, _: Example_Page) -> StreamedAnswer<GCounter, Example_VisitCount> in
      .open(count(context.state)).onChange { change in count(change.state) }
    }
  }

  private static func count(_ visits: GCounter) -> Example_VisitCount {
    Example_VisitCount.with { $0.visits = visits.value }
  }
}

private func runMain() async {  // not shown
  await CloudstateServer(descriptors: serviceDescriptors, entities: [Visits.self]).runMain()
}  // not shown

@Suite struct VisitsExample {
  @Test("The example of the article ReplicatedEntities")
  func example() throws {
    var visits = try ReplicatedEntityTester<Visits>()
    let watch = try visits.open("Watch", Example_Page(), returning: Example_VisitCount.self)
    try visits.send("Visit", Example_Page())
    try visits.receive { $0.increment(by: 2) }
    #expect(visits.state.value == 3)
    #expect(try visits.read(watch).replies.map(\.visits) == [0, 1, 3])
  }
}
