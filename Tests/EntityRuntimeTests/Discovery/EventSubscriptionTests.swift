import CloudstateProtocol
import SwiftProtobuf
import Testing

@testable import EntityRuntime

/// Methods that consume events, as discovery reads and checks them.
@Suite struct EventSubscriptionTests {
  private typealias Eventing = Cloudstate_Eventing

  /// A cart, and a service `shop.Sub` whose two methods take different messages and have these options.
  private static func spec(
    _ first: Cloudstate_Eventing?, _ second: Cloudstate_Eventing? = nil,
    sameInput: Bool = false, change: (inout SpecFixture.File) -> Void = { _ in }
  ) throws -> Cloudstate_EntitySpec {
    let file = SpecFixture.file(name: "sub.proto", service: "Sub") { file in
      for (index, option) in [first, second].enumerated() {
        guard let option else { continue }
        file.service[0].method[index].options.Cloudstate_eventing = option
      }
      if !sameInput { file.service[0].method[1].inputType = ".shop.SubReply" }
      change(&file)
    }
    return try SpecFixture.spec(
      [SpecFixture.file(), file],
      entities: [
        SpecFixture.entity(),
        SpecFixture.entity("shop.Sub", type: "cloudstate.action.ActionProtocol", persistenceID: ""),
      ])
  }

  private static func log(_ log: String, group: String = "") -> Cloudstate_Eventing {
    .with {
      $0.in.eventLog = log
      $0.in.consumerGroup = group
    }
  }

  private func validate(_ spec: Cloudstate_EntitySpec) throws -> ServiceSpec {
    try ServiceSpec.validate(spec, policy: DiscoveryPolicy())
  }

  @Test("An event log is read, with its group or that of the service")
  func subscriptions() throws {
    let spec = try validate(Self.spec(Self.log("cart"), Self.log("cart", group: "g")))
    #expect(
      spec.method(path: "/shop.Sub/Add")?.subscription
        == EventSubscription(group: "shop.Sub", eventLog: "cart"))
    #expect(
      spec.method(path: "/shop.Sub/Get")?.subscription
        == EventSubscription(group: "g", eventLog: "cart"))
    #expect(spec.method(path: "/shop.Cart/Add")?.subscription == nil)
  }

  @Test("A function that comes back with other subscriptions is another one")
  func compatibility() throws {
    let spec = try validate(Self.spec(Self.log("cart")))
    #expect(spec.isCompatible(with: try validate(Self.spec(Self.log("cart")))))
    #expect(!spec.isCompatible(with: try validate(Self.spec(nil))))
    #expect(!spec.isCompatible(with: try validate(Self.spec(Self.log("cart", group: "g")))))
  }

  /// A mistake, and what `reportError` says about it.
  struct Mistake: Sendable, CustomTestStringConvertible {
    let row: String
    let text: String
    let spec: @Sendable () throws -> Cloudstate_EntitySpec

    var testDescription: String { row }
  }

  static let mistakes: [Mistake] = [
    Mistake(
      row: "14 same topic",
      text: "Endpoint [Add] has the same input topic as output topic [t], this is not allowed."
    ) {
      try spec(
        .with {
          $0.in.topic = "t"
          $0.out.topic = "t"
        })
    },
    Mistake(
      row: "15 same source and message",
      text:
        "Service calls [Add] and [Get] of service [shop.Sub] consume the same messages from event "
        + "log [cart]; give one of them another consumer_group, so that both get each event."
    ) { try spec(log("cart"), log("cart", group: "shop.Sub"), sameInput: true) },
    Mistake(
      row: "16 no topic", text: "Service call [Add] has declared an event out with no topic."
    ) { try spec(.with { $0.out = .init() }) },
    Mistake(
      row: "17 topic out",
      text:
        "Service call [Add] declares an event destination topic of [t], but no topic support is "
        + "configured."
    ) {
      try spec(
        .with {
          $0.in.eventLog = "cart"
          $0.out.topic = "t"
        })
    },
    Mistake(
      row: "18 topic in",
      text:
        "Service call [Add] of service [shop.Sub] declares an event source topic of [t], but no "
        + "topic support is configured; event logs of entities can be consumed."
    ) { try spec(.with { $0.in.topic = "t" }) },
    Mistake(
      row: "18 no source",
      text:
        "Service call [Add] of service [shop.Sub] has declared an event in with no source; name an "
        + "event_log, which is the persistence_id of an entity."
    ) { try spec(.with { $0.in.consumerGroup = "g" }) },
    Mistake(
      row: "18 empty log",
      text:
        "Service call [Add] of service [shop.Sub] has declared an event in with no source; name an "
        + "event_log, which is the persistence_id of an entity."
    ) { try spec(log("")) },
    Mistake(
      row: "unknown log",
      text:
        "Service call [Add] of service [shop.Sub] consumes the event log [carts], but no entity "
        + "here has that persistence_id. There are: cart"
    ) { try spec(log("carts")) },
    Mistake(
      row: "unreadable",
      text:
        "Service call [Add] of service [shop.Sub] has an unreadable (cloudstate.eventing) option; "
        + "compile its file with cloudstate/eventing.proto"
    ) {
      try spec(nil) { file in
        // Field 1081 with bytes that are no message.
        file.service[0].method[0].options =
          (try? Google_Protobuf_MethodOptions(
            serializedBytes: [0xca, 0x43, 2, 0x0a, 9] as [UInt8])) ?? .init()
      }
    },
  ]

  @Test("A mistake is reported with its text", arguments: mistakes)
  func mistake(_ mistake: Mistake) throws {
    let spec = try mistake.spec()
    let error = #expect(throws: DiscoveryError.self) { try validate(spec) }
    #expect(error?.message == mistake.text)
  }
}
