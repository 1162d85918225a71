import CloudstateSDK
import SwiftProtobuf  // not shown
import Testing  // not shown

enum Profiles: ValueEntity {
  static let serviceName = "example.Profiles"
  static let persistenceID = "profiles"

  static var behavior: ValueBehavior<Example_Profile> {
    OnCommand("Rename") { (context, command: Example_NewName) in
      guard !command.name.isEmpty else { throw CommandFailure("A name must not be empty.") }
      context.update { profile in
        if !profile.name.isEmpty { profile.formerNames.append(profile.name) }
        profile.name = command.name
      }
    }

    OnCommand("Show") { (context, _: Example_User) in context.state ?? Example_Profile() }

    OnCommand("Forget") { (context, _: Example_User) in context.delete() }
  }
}

private func runMain() async {  // not shown
  await CloudstateServer(descriptors: serviceDescriptors, entities: [Profiles.self]).runMain()
}  // not shown

@Suite struct ProfilesExample {
  @Test("The example of the article ValueEntities")
  func example() throws {
    var profile = try ValueEntityTester<Profiles>()
    try profile.send("Rename", Example_NewName.with { $0.name = "Ada" })
    try profile.send("Rename", Example_NewName.with { $0.name = "Countess" })
    #expect(profile.state?.formerNames == ["Ada"])
    #expect(throws: CommandFailure.self) { try profile.send("Rename", Example_NewName()) }
    try profile.send("Forget", Example_User())
    #expect(profile.state == nil)
  }
}
