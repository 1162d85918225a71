import CloudstateModel
import Eventing
import ShardStore
import Testing

/// Which method takes an event, and what it is told of it.
@Suite struct EventConsumerTests {
  private let consumer = EventConsumer(
    id: ConsumerID(serviceName: "test.Sub", group: "g", eventLog: "carts"),
    methods: [("One", "test.Added"), ("Rest", "google.protobuf.Any")])

  private func event(_ typeURL: String, value: [UInt8] = [1, 2]) -> ConsumedEvent {
    ConsumedEvent(
      shard: 3, position: Position(42), index: 1, isLastOfBatch: false,
      entity: EntityKey(persistenceID: "carts", entityID: "ada"),
      event: StoredEvent(
        sequence: SequenceNumber(7), time: Timestamp(unixMilliseconds: 1_700_000_000_250),
        payload: OpaquePayload(typeURL: typeURL, value: value)))
  }

  @Test(
    "The method that takes the event's message comes first, then the one that takes anything",
    arguments: [
      ("type.googleapis.com/test.Added", "One"), ("other.host/test.Added", "One"),
      ("type.googleapis.com/test.Removed", "Rest"), ("test.Added", "Rest"), ("", "Rest"),
      ("json.cloudstate.io/test.Added", "Rest"), ("p.cloudstate.io/string", "Rest"),
    ])
  func selection(typeURL: String, method: String) {
    #expect(consumer.method(takingType: typeURL) == method)
    let narrow = EventConsumer(id: consumer.id, methods: [("One", "test.Added")])
    #expect(narrow.method(takingType: typeURL) == (method == "One" ? "One" : nil))
  }

  @Test("Payloads go as they are, with the event's attributes beside them")
  func call() throws {
    let call = try #require(consumer.call(for: event("json.cloudstate.io/X", value: [10, 0])))
    #expect(call.serviceName == "test.Sub")
    #expect(call.method == "Rest")
    #expect(call.payloadTypeURL == "json.cloudstate.io/X")
    #expect(call.payload == [10, 0])
    let entries = call.metadata.map { entry -> String in
      guard case .text(let text) = entry.value else { return "" }
      return "\(entry.key)=\(text)"
    }
    #expect(
      entries == [
        "ce-id=3-42-1", "ce-source=carts", "ce-specversion=1.0", "ce-type=json.cloudstate.io/X",
        "ce-subject=ada", "ce-time=2023-11-14T22:13:20.250Z",
        "Content-Type=application/vnd.cloudstate.protobuf.any",
      ])
  }

  @Test("The time of an event is told to the millisecond")
  func time() {
    var event = event("t")
    for milliseconds in Int64(0)..<1000 {
      event.event.time = Timestamp(unixMilliseconds: 1_700_000_000_000 + milliseconds)
      let digits = String(1000 + milliseconds).dropFirst()
      #expect(
        event.metadata.contains {
          $0.key == "ce-time" && $0.value == .text("2023-11-14T22:13:20.\(digits)Z")
        })
    }
  }

  @Test("Keys tell consumers, events and what follows a refusal apart")
  func keys() {
    let other = EventConsumer(
      id: ConsumerID(serviceName: "test.Sub", group: "h", eventLog: "carts"), methods: [])
    var second = event("t")
    second.index = 2
    let keys = [
      consumer.key(for: event("t"), refusals: 0), consumer.key(for: event("t"), refusals: 1),
      consumer.key(for: second, refusals: 0), other.key(for: event("t"), refusals: 0),
    ]
    #expect(Set(keys).count == keys.count)
    #expect(keys[0] == consumer.key(for: event("u"), refusals: 0))
  }

  @Test("A consumer stands behind an event that is done")
  func done() {
    var event = event("t")
    #expect(event.done == ConsumerPosition(batches: Position(41), events: 2))
    event.isLastOfBatch = true
    #expect(event.done == ConsumerPosition(batches: Position(42)))
  }
}
