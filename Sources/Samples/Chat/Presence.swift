import CloudstateSDK
import SwiftProtobuf

private typealias User = Cloudstate_Samples_Chat_Presence_User
private typealias Status = Cloudstate_Samples_Chat_Presence_OnlineStatus
private typealias Nothing = Cloudstate_Samples_Chat_Presence_Empty

/// Whether one user is online: each node votes yes while the user is connected to it, and one yes is
/// enough. The votes of nodes that are gone do not count, so that nobody stays online with them.
enum Presence: ReplicatedEntity {
  static let serviceName = "cloudstate.samples.chat.presence.Presence"
  static let persistenceID = "presence"

  static var behavior: ReplicatedBehavior<Vote> {
    OnStreamedCommand("Connect") { (context, _: User) -> StreamedAnswer<Vote, Nothing> in
      context.state.vote(true)
      return .open().onCancel { context in
        if context.openStreams(of: "Connect") == 0 { context.state.vote(false) }
      }
    }

    OnStreamedCommand("Monitor") { (context, _: User) -> StreamedAnswer<Vote, Status> in
      // If this program ended without notice, its vote is still there, but no call is.
      if context.openStreams(of: "Connect") == 0 { context.state.vote(false) }
      var isOnline = context.state.isAtLeastOne
      return .open(status(isOnline)).onChange { change in
        guard change.state.isAtLeastOne != isOnline else { return nil }
        isOnline.toggle()
        return status(isOnline)
      }
    }
  }

  private static func status(_ isOnline: Bool) -> Status { Status.with { $0.online = isOnline } }
}
