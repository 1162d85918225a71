import CloudstateModel
import CloudstateProtocol
import CommandClient
import CommandLineKit
import FoundationEssentials
import Testing

@Suite struct TailFollowerTests {
  private func follower(
    last: UInt32? = nil, limit: Int? = nil, cursors: [UInt32: UInt64] = [:]
  ) -> TailFollower {
    TailFollower(
      selection: TailSelection(
        patterns: [], start: last.map { .last($0) } ?? .all, cursors: cursors,
        endsAtCurrent: false),
      limit: limit)
  }

  private func event(
    _ shard: UInt32, _ position: UInt64, time: Int64 = 0
  ) -> Cloudstate_Streams_TailResponse {
    var response = Cloudstate_Streams_TailResponse()
    response.event.shard = shard
    response.event.position = position
    response.event.lastOfBatch = true
    response.event.timeUnixMilliseconds = time
    return response
  }

  private func progress(caughtUp: Bool) -> Cloudstate_Streams_TailResponse {
    var response = Cloudstate_Streams_TailResponse()
    response.progress.caughtUp = caughtUp
    return response
  }

  @Test("Events are shown once, up to the limit")
  func limit() {
    var follower = follower(limit: 2, cursors: [0: 4])
    #expect(follower.receive(event(0, 4)).show.isEmpty)
    let first = follower.receive(event(0, 5))
    #expect(first.show.count == 1 && !first.isDone)
    #expect(follower.receive(event(0, 5)).show.isEmpty)
    let second = follower.receive(event(0, 6))
    #expect(second.show.count == 1 && second.isDone)
  }

  @Test("The last events of several shards are shown in the order of time, once all are there")
  func lastInOrder() {
    var follower = follower(last: 3)
    #expect(follower.receive(progress(caughtUp: false)).show.isEmpty)
    #expect(follower.receive(event(0, 1, time: 30)).show.isEmpty)
    #expect(follower.receive(event(1, 1, time: 10)).show.isEmpty)
    let step = follower.receive(progress(caughtUp: true))
    #expect(step.show.map(\.timeUnixMilliseconds) == [10, 30])
    #expect(follower.receive(event(1, 2, time: 5)).show.count == 1)
  }

  @Test("Held events are not kept back by a shard that cannot be read")
  func lastWithNotice() {
    var follower = follower(last: 3)
    _ = follower.receive(event(0, 1))
    var notice = Cloudstate_Streams_TailResponse()
    notice.notice.text = "shard 1 cannot be read"
    let step = follower.receive(notice)
    #expect(step.show.count == 1)
    #expect(step.notice == "shard 1 cannot be read")
  }

  @Test("Held events are shown when the server ends the call, or when the count is reached")
  func lastAtEnd() {
    var first = follower(last: 3)
    _ = first.receive(event(0, 1))
    #expect(first.finish().show.count == 1)
    #expect(first.finish().show.isEmpty)
    var second = follower(last: 2)
    _ = second.receive(event(0, 1))
    #expect(second.receive(event(0, 2)).show.count == 2)
  }

  @Test("Lines and envelopes")
  func rendering() throws {
    var event = Cloudstate_Streams_TailedEvent()
    event.subject = "cs.evt.cart.carts.user1.ItemAdded"
    event.shard = 3
    event.position = 42
    event.epoch = 2
    event.sequence = 1042
    event.timeUnixMilliseconds = 43_200_123
    event.persistenceID = "carts"
    event.entityID = "user1"
    event.typeURL = "t/ItemAdded"
    event.payload = Data([1, 2, 255])
    event.json = #"{"productId":"p1"}"#
    #expect(
      event.textLine { _ in 3600 }
        == #"13:00:00.123  #1042  cs.evt.cart.carts.user1.ItemAdded  {"productId":"p1"}"#)
    #expect(
      event.envelope.compact
        == #"{"v":1,"subject":"cs.evt.cart.carts.user1.ItemAdded","seq":1042,"shard":3,"#
        + #""shardSeq":42,"epoch":2,"time":"1970-01-01T12:00:00.123Z","type":"t/ItemAdded","#
        + #""entity":"carts/user1","data":{"productId":"p1"}}"#)
    event.json = ""
    #expect(event.envelope.compact.hasSuffix(#""data_base64":"AQL/"}"#))
    #expect(event.body == "AQL/")
  }
}
