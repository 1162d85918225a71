import CloudstateSDK
import SwiftProtobuf
import Testing

@testable import chat

/// The chat sample.
@Suite struct ChatTests {
  private typealias User = Cloudstate_Samples_Chat_Presence_User
  private typealias Status = Cloudstate_Samples_Chat_Presence_OnlineStatus
  private typealias Nothing = Cloudstate_Samples_Chat_Presence_Empty
  private typealias FriendRequest = Cloudstate_Samples_Chat_Friends_FriendRequest
  private typealias FriendsList = Cloudstate_Samples_Chat_Friends_FriendsList
  private typealias PostRequest = Cloudstate_Samples_Chat_Rooms_PostRequest
  private typealias Room = Cloudstate_Samples_Chat_Rooms_Room
  private typealias History = Cloudstate_Samples_Chat_Rooms_History

  // MARK: Presence

  @Test("A user is online from the first connection to the end of the last")
  func connections() throws {
    var ada = try ReplicatedEntityTester<Presence>()
    let monitor = try ada.open("Monitor", User(), returning: Status.self)
    let phone = try ada.open("Connect", User(), returning: Nothing.self)
    let laptop = try ada.open("Connect", User(), returning: Nothing.self)
    #expect(!ada.wasChanged)
    try ada.cancel(phone)
    #expect(ada.state.selfVote)
    try ada.cancel(laptop)
    #expect(!ada.state.selfVote)
    #expect(try ada.read(monitor).replies.map(\.online) == [false, true, false])
  }

  @Test("A connection to another node counts as well; only changes are reported")
  func otherNodes() throws {
    var ada = try ReplicatedEntityTester<Presence>()
    let monitor = try ada.open("Monitor", User(), returning: Status.self)
    try ada.receiveVotes(votesFor: 1, totalVoters: 2)
    let phone = try ada.open("Connect", User(), returning: Nothing.self)
    try ada.cancel(phone)
    #expect(ada.state.isAtLeastOne)
    try ada.receiveVotes(votesFor: 0, totalVoters: 1)
    #expect(try ada.read(monitor).replies.map(\.online) == [false, true, false])
    #expect(try ada.read(phone).replies.isEmpty)
  }

  @Test("A vote that was left behind by a crash is taken back by who asks first")
  func staleVote() throws {
    var ada = try ReplicatedEntityTester<Presence>()
    _ = try ada.open("Connect", User(), returning: Nothing.self)
    try ada.receiveVotes(votesFor: 2, totalVoters: 2)
    try ada.restart()
    #expect(ada.state.selfVote)
    let monitor = try ada.open("Monitor", User(), returning: Status.self)
    #expect(ada.wasChanged)
    #expect(!ada.state.selfVote)
    #expect(try ada.read(monitor).replies.map(\.online) == [true])
  }

  // MARK: Friends

  private func request(_ friend: String, _ avatar: String = "") -> FriendRequest {
    FriendRequest.with {
      $0.user = "ada"
      $0.friend.user = friend
      $0.friend.avatar = avatar
    }
  }

  private func list(_ friends: inout ReplicatedEntityTester<Friends>) throws -> [String] {
    let user = Cloudstate_Samples_Chat_Friends_User.with { $0.user = "ada" }
    return try friends.send("GetFriends", user, returning: FriendsList.self).friends
      .map { "\($0.user):\($0.avatar)" }
  }

  @Test("Friends are added once, get new avatars, and are removed by name")
  func friends() throws {
    typealias Nothing = Cloudstate_Samples_Chat_Friends_Empty
    var friends = try ReplicatedEntityTester<Friends>()
    try friends.send("Add", request("eve", "cat"), returning: Nothing.self)
    try friends.send("Add", request("bob", "dog"), returning: Nothing.self)
    try friends.send("Add", request("bob", "dog"), returning: Nothing.self)
    #expect(!friends.wasChanged)
    try friends.send("Add", request("eve", "owl"), returning: Nothing.self)
    #expect(try list(&friends) == ["bob:dog", "eve:owl"])
    try friends.receive { $0.insert(request("eve", "fox").friend) }
    #expect(try list(&friends) == ["bob:dog", "eve:fox", "eve:owl"])
    try friends.send("Remove", request("eve"), returning: Nothing.self)
    #expect(try list(&friends) == ["bob:dog"])
    #expect(throws: CommandFailure.self) {
      try friends.send("Add", request(""), returning: Nothing.self)
    }
  }

  @Test("The number of friends is bounded")
  func manyFriends() throws {
    typealias Nothing = Cloudstate_Samples_Chat_Friends_Empty
    var friends = try ReplicatedEntityTester<Friends>()
    try friends.receive { friends in
      for number in 1...Friends.maximumCount { friends.insert(request("\(number)").friend) }
    }
    #expect(throws: CommandFailure.self) {
      try friends.send("Add", request("bob"), returning: Nothing.self)
    }
    try friends.send("Add", request("1", "new"), returning: Nothing.self)
    #expect(friends.state.count == Friends.maximumCount)
  }

  // MARK: Rooms

  private func post(_ text: String, by user: String = "ada") -> PostRequest {
    PostRequest.with {
      $0.room = "tea"
      $0.user = user
      $0.text = text
    }
  }

  @Test("Messages of all nodes are heard once, in an order that is the same everywhere")
  func messages() throws {
    var room = try ReplicatedEntityTester<Rooms>()
    let first = try room.send("Post", post("hello"), returning: ChatMessage.self)
    #expect(first.user == "ada" && first.text == "hello" && !first.id.isEmpty)
    let listener = try room.open("Listen", Room(), returning: History.self)
    // A clock that is ahead must not make an answer come before its question.
    let question = ChatMessage.with {
      $0.id = "q"
      $0.user = "bob"
      $0.text = "how are you?"
      $0.postedAt = first.postedAt + 1_000_000
    }
    try room.receive { $0.insert(question) }
    let answer = try room.send("Post", post("fine"), returning: ChatMessage.self)
    #expect(answer.postedAt == question.postedAt + 1)
    #expect(
      try room.read(listener).replies.map { $0.messages } == [[first], [question], [answer]])
    let history = try room.send("GetHistory", Room(), returning: History.self)
    #expect(history.messages == [first, question, answer])
  }

  @Test("A room holds the newest messages only; that old ones go is not reported")
  func bound() throws {
    var room = try ReplicatedEntityTester<Rooms>()
    for number in 1...Rooms.maximumMessages {
      try room.send("Post", post("\(number)"), returning: ChatMessage.self)
    }
    let listener = try room.open("Listen", Room(), returning: History.self)
    _ = try room.read(listener)
    try room.receive { room in
      for number in 1...5 {
        room.insert(
          .with {
            $0.id = "\(number)"
            $0.postedAt = .max / 2
          })
      }
    }
    #expect(room.state.count == Rooms.maximumMessages + 5)
    try room.send("Post", post("last"), returning: ChatMessage.self)
    #expect(room.state.count == Rooms.maximumMessages)
    #expect(try room.read(listener).replies.map(\.messages.count) == [5, 1])
    let history = try room.send("GetHistory", Room(), returning: History.self)
    #expect(history.messages.first?.text == "7")
    #expect(history.messages.last?.text == "last")
    try room.receive { room in
      if let first = history.messages.first { room.remove(first) }
    }
    #expect(try room.read(listener).replies.isEmpty)
  }

  @Test("Messages without author, without text, or too long are refused")
  func refusals() throws {
    var room = try ReplicatedEntityTester<Rooms>()
    let long = String(repeating: "x", count: Rooms.maximumTextLength + 1)
    for request in [post("hello", by: ""), post(""), post(long)] {
      #expect(throws: CommandFailure.self) {
        try room.send("Post", request, returning: ChatMessage.self)
      }
    }
    #expect(room.state.isEmpty)
  }
}
