import EntityRuntime
import Eventing
import ShardStore

extension EventConsumer {
  private static let typeURLPrefix = "type.googleapis.com/"

  /// The consumers that the methods of a user function make together, those with equal event log and group of
  /// one service each (proxy behaviour, section 11.1).
  static func all(of spec: ServiceSpec) -> [EventConsumer] {
    spec.entities.flatMap { entity in
      let subscribed = entity.methods.values.compactMap { method in
        method.subscription.map { (method: method, subscription: $0) }
      }
      return Dictionary(grouping: subscribed, by: \.subscription)
        .sorted { ($0.key.eventLog, $0.key.group) < ($1.key.eventLog, $1.key.group) }
        .map { subscription, members in
          EventConsumer(
            id: ConsumerID(
              serviceName: entity.serviceName, group: subscription.group,
              eventLog: subscription.eventLog),
            methods: members.map { member in
              (
                member.method.name,
                String(member.method.inputTypeURL.dropFirst(typeURLPrefix.count))
              )
            })
        }
    }
  }
}
