import CloudstateSDK
import SwiftProtobuf  // not shown
import Testing  // not shown

struct Greeter: Action {
  static let serviceName = "example.Greeter"

  let clock = ContinuousClock()
  var pause = Duration.seconds(1)

  var methods: ActionMethods {
    OnUnary("Greet") { (context, person: Example_Person) in
      guard !person.name.isEmpty else { throw CommandFailure("Nobody is there.") }
      return greeting("Hello, \(person.name)!")
    }

    OnStreamedIn("GreetTogether") { (context, people: ActionRequests<Example_Person>) in
      var names: [String] = []
      for try await person in people { names.append(person.name) }
      return greeting("Hello, \(names.joined(separator: " and "))!")
    }

    OnStreamedOut("CountDown") {
      (context, person: Example_Person, replies: ActionReplies<Example_Greeting>) in
      for number in ["3", "2", "1", "Hello, \(person.name)!"] {
        try await replies.send(greeting(number))
        try await clock.sleep(for: pause)
      }
    }

    OnStreamed("GreetEach") { (context, people: ActionRequests<Example_Person>) in
      people.map { person in greeting("Hello, \(person.name)!") }
    }
  }

  private func greeting(_ text: String) -> Example_Greeting {
    Example_Greeting.with { $0.text = text }
  }
}

private func runMain() async {  // not shown
  await CloudstateServer(descriptors: serviceDescriptors, actions: [Greeter()]).runMain()
}  // not shown

@Suite struct GreeterExample {
  @Test("The example of the article Actions")
  func example() async throws {
    let greeter = ActionTester(Greeter(pause: .zero))
    let ada = Example_Person.with { $0.name = "Ada" }
    let greeting = try await greeter.send("Greet", ada, returning: Example_Greeting.self)
    #expect(greeting.text == "Hello, Ada!")
    let countDown = try await greeter.call("CountDown", ada)
    #expect(countDown.count == 4)
  }
}
