import CloudstateModel
import NIOCore
import Synchronization
import ZeroMQ

/// Carries submissions from any thread to the bus thread, and wakes it only if it sleeps: under load most
/// submissions cost a lock and an append.
final class SubmissionQueue: Sendable {
  private struct State {
    var items: [Submission] = []
    var byteCount = 0
    var isSleeping = false
    var isClosed = false
    var numbering: PublicationNumbering
  }

  enum Refusal {
    case full, closed
  }

  let wakeUp: EventCounter
  let statistics = StatisticsCounter()
  private let configuration: ZeroMQBusConfiguration
  private let state: Mutex<State>

  /// - Parameter start: see ``PublicationNumber/start``.
  init(configuration: ZeroMQBusConfiguration, start: UInt64) throws(ZeroMQError) {
    wakeUp = try EventCounter()
    self.configuration = configuration
    state = Mutex(State(numbering: PublicationNumbering(start: start)))
  }

  // MARK: Any thread

  /// Hands over what changes the bus itself; never refused for want of room. After closing it is ignored, and
  /// the answer `false`.
  @discardableResult
  func control(_ submission: Submission) -> Bool {
    submit(submission, capacityFactor: .max) == nil
  }

  /// Hands over a request, or says why not.
  func request(_ request: OutgoingRequest) -> Refusal? {
    let refusal = submit(.request(request), capacityFactor: 1)
    if refusal == .full { statistics.update { $0.overloadedRequests += 1 } }
    return refusal
  }

  /// Hands over an answer, or drops it when there are far too many.
  func answer(_ destination: AnswerDestination, _ result: Result<ByteBuffer, BusError>) {
    // Requests stop at the bound; answers, which free memory elsewhere, have room beyond it.
    guard submit(.answer(destination, result), capacityFactor: 2) != nil else { return }
    statistics.update { $0.droppedAnswers += 1 }
  }

  /// Numbers a publication and hands it over. If it has to be dropped its number is used up, so that
  /// subscribers notice.
  func publish(_ subject: Subject, payload: ByteBuffer) {
    let publicationClass = PublicationClass(of: subject)
    let isSendable =
      payload.readableBytes <= configuration.maximumMessageBytes
      && subject.text.utf8.count <= Subject.maximumLength
    let outcome = state.withLock { state -> (accepted: Bool, wakes: Bool) in
      guard !state.isClosed else { return (true, false) }
      let number = state.numbering.next(in: publicationClass)
      guard isSendable, hasRoom(state, factor: 1) else { return (false, false) }
      let publication = OutgoingPublication(
        subject: subject, publicationClass: publicationClass, number: number, payload: payload)
      return (true, append(.publish(publication), to: &state))
    }
    if outcome.wakes { wakeUp.signal() }
    if !outcome.accepted { statistics.update { $0.droppedPublications += 1 } }
  }

  /// Refuses everything from now on; what was accepted is still handled.
  func close() {
    state.withLock { state in
      state.isClosed = true
      state.isSleeping = false
    }
    wakeUp.signal()
  }

  private func submit(_ submission: Submission, capacityFactor: Int) -> Refusal? {
    let outcome = state.withLock { state -> (refusal: Refusal?, wakes: Bool) in
      guard !state.isClosed else { return (.closed, false) }
      guard capacityFactor == .max || hasRoom(state, factor: capacityFactor) else {
        return (.full, false)
      }
      return (nil, append(submission, to: &state))
    }
    if outcome.wakes { wakeUp.signal() }
    return outcome.refusal
  }

  private func hasRoom(_ state: borrowing State, factor: Int) -> Bool {
    state.items.count < configuration.submissionMessages * factor
      && state.byteCount < configuration.submissionBytes * factor
  }

  /// Appends and answers whether the bus thread must be woken.
  private func append(_ submission: Submission, to state: inout State) -> Bool {
    state.items.append(submission)
    state.byteCount += submission.byteCount
    defer { state.isSleeping = false }
    return state.isSleeping
  }

  // MARK: Bus thread

  /// Swaps what has gathered for `items`, which must be empty; `false` if this is the last time.
  func takeAll(into items: inout [Submission]) -> Bool {
    state.withLock { state in
      swap(&state.items, &items)
      state.byteCount = 0
      state.isSleeping = false
      return !state.isClosed
    }
  }

  /// Whether nothing waits, so that the thread may sleep; then the next submission signals ``wakeUp``.
  func prepareToSleep() -> Bool {
    state.withLock { state in
      guard state.items.isEmpty, !state.isClosed else { return false }
      state.isSleeping = true
      return true
    }
  }
}
