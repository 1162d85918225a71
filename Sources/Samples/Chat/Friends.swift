import CloudstateSDK
import SwiftProtobuf

typealias Friend = Cloudstate_Samples_Chat_Friends_Friend
private typealias FriendRequest = Cloudstate_Samples_Chat_Friends_FriendRequest
private typealias User = Cloudstate_Samples_Chat_Friends_User
private typealias FriendsList = Cloudstate_Samples_Chat_Friends_FriendsList
private typealias Nothing = Cloudstate_Samples_Chat_Friends_Empty

/// A friend can be an element of a set.
extension Friend: Payload {}

/// One user's friends.
enum Friends: ReplicatedEntity {
  /// More are refused.
  static let maximumCount = 1000

  static let serviceName = "cloudstate.samples.chat.friends.Friends"
  static let persistenceID = "friends"

  static var behavior: ReplicatedBehavior<ORSet<Friend>> {
    OnCommand("Add") { (context, request: FriendRequest) in
      guard !request.friend.user.isEmpty else { throw CommandFailure("A friend needs a name.") }
      guard !context.state.contains(request.friend) else { return Nothing() }
      // The same friend may have come with another avatar.
      context.state.remove(named: request.friend.user)
      guard context.state.count < maximumCount else {
        throw CommandFailure("Nobody has more than \(maximumCount) friends.")
      }
      context.state.insert(request.friend)
      return Nothing()
    }

    OnCommand("Remove") { (context, request: FriendRequest) in
      context.state.remove(named: request.friend.user)
      return Nothing()
    }

    OnCommand("GetFriends") { (context, _: User) in
      FriendsList.with {
        // Nodes that did not know of each other may have added one friend with two avatars.
        $0.friends = context.state.elements.sorted { ($0.user, $0.avatar) < ($1.user, $1.avatar) }
      }
    }
  }
}

extension ORSet<Friend> {
  fileprivate mutating func remove(named user: String) {
    for friend in elements where friend.user == user { remove(friend) }
  }
}
