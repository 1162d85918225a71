import CloudstateModel
import Logging
import NIOCore
import ShardStore

extension Logger {
  /// Writes what people should know of a consumer. A dead letter is one line that names the event, so that
  /// it can be found in its log: `cs-tail` shows it by entity and sequence.
  func log(_ report: ConsumerReport, consumer: ConsumerID) {
    switch report {
    case .retrying(let event, let failures, let delay, let reason):
      warning(
        """
        \(consumer): \(event.text) failed \(failures == 1 ? "once" : "\(failures) times"), next try \
        in \(delay.secondsText): \(reason)
        """
      )
    case .skipped(let event, let reason):
      error("\(consumer): dead letter, \(event.text) is skipped: \(reason)")
    case .halted(let event, let reason):
      critical(
        """
        \(consumer): HALTED in shard \(event.shard), \(event.text) failed too often: \(reason); mend the \
        function and start this node again, or let --event-poison be skip
        """)
    case .cannotRead(let reason):
      warning("\(consumer): cannot read events, trying again: \(reason)")
    case .cannotStore(let reason):
      error("\(consumer): cannot store how far it is, trying again: \(reason)")
    }
  }
}

extension ConsumedEvent {
  fileprivate var text: String {
    "event \(id) (\(event.payload.typeURL), number \(event.sequence) of entity \(entity.entityID))"
  }
}

extension TimeAmount {
  fileprivate var secondsText: String {
    let milliseconds = nanoseconds / 1_000_000
    return milliseconds < 1000 ? "\(milliseconds)ms" : "\(milliseconds / 1000)s"
  }
}
