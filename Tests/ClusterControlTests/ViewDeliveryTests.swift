import ClusterControl
import Testing

@Suite struct ViewDeliveryTests {
  private func delivery(attempts: Int = 3) -> ViewDelivery {
    var configuration = CoordinatorConfiguration()
    configuration.publicationAttempts = attempts
    configuration.initialRetryDelay = .milliseconds(100)
    configuration.maximumRetryDelay = .milliseconds(250)
    return ViewDelivery(configuration: configuration)
  }

  @Test func repeatsWithGrowingPausesUntilAcknowledged() {
    var delivery = delivery(attempts: 9)
    #expect(delivery.offer(version: 1) == .send(version: 1))
    for pause in [100, 200, 250, 250] {
      #expect(
        delivery.completed(version: 1, isAcknowledged: false)
          == .retry(after: .milliseconds(pause), version: 1))
      #expect(delivery.retryDue(version: 1) == .send(version: 1))
    }
    #expect(delivery.completed(version: 1, isAcknowledged: true) == nil)
    #expect(delivery.retryDue(version: 1) == nil)
    #expect(delivery.offer(version: 1) == nil)
  }

  @Test func aNewerViewDoesNotWaitForTheAcknowledgementOfTheOlder() {
    var delivery = delivery()
    #expect(delivery.offer(version: 1) == .send(version: 1))
    #expect(delivery.offer(version: 2) == .send(version: 2))
    #expect(delivery.offer(version: 2) == nil)
    // What fails is not repeated where a newer one is on its way.
    #expect(delivery.completed(version: 1, isAcknowledged: false) == nil)
    #expect(
      delivery.completed(version: 2, isAcknowledged: false)
        == .retry(after: .milliseconds(100), version: 2))
    #expect(delivery.retryDue(version: 2) == .send(version: 2))
    #expect(delivery.completed(version: 2, isAcknowledged: true) == nil)
  }

  @Test func fewInFlightAndOnlyTheNewestNext() {
    var delivery = delivery()
    let bound = UInt64(ViewDelivery.maximumInFlight)
    for version in 1...bound {
      #expect(delivery.offer(version: version) == .send(version: version))
    }
    #expect(delivery.offer(version: bound + 1) == nil)
    #expect(delivery.offer(version: bound + 2) == nil)
    #expect(delivery.completed(version: 1, isAcknowledged: true) == .send(version: bound + 2))
    #expect(delivery.completed(version: 1, isAcknowledged: true) == nil)
    #expect(delivery.completed(version: bound + 2, isAcknowledged: true) == nil)
    // Late words of older ones change nothing.
    #expect(delivery.completed(version: 2, isAcknowledged: false) == nil)
  }

  @Test func aNewerViewEndsThePauseOfTheOlder() {
    var delivery = delivery()
    _ = delivery.offer(version: 1)
    _ = delivery.completed(version: 1, isAcknowledged: false)
    #expect(delivery.offer(version: 2) == .send(version: 2))
    #expect(delivery.retryDue(version: 1) == nil)
  }

  @Test func givesUpAfterTheAttemptsAndStartsAfreshWithTheNextView() {
    var delivery = delivery(attempts: 2)
    _ = delivery.offer(version: 1)
    _ = delivery.completed(version: 1, isAcknowledged: false)
    _ = delivery.retryDue(version: 1)
    #expect(delivery.completed(version: 1, isAcknowledged: false) == .giveUp(version: 1))
    #expect(delivery.offer(version: 2) == .send(version: 2))
  }

  @Test func aNodeThatIsDownIsLeftAlone() {
    var delivery = delivery()
    _ = delivery.offer(version: 1)
    delivery.withdraw()
    #expect(delivery.completed(version: 1, isAcknowledged: false) == nil)
    #expect(delivery.offer(version: 2) == .send(version: 2))
  }
}
