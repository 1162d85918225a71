/// A publication's place among those of its source.
struct PublicationNumber: Hashable, Sendable {
  /// Changes whenever the source begins to count anew, as after a restart.
  let start: UInt64
  /// 1 for the first publication of a class, then without a gap.
  let sequence: UInt64
}

/// Numbers the publications of one source, class by class. A pure value.
struct PublicationNumbering {
  /// Bound of the table; a source with more classes begins to count anew, which its subscribers take for
  /// a loss, so that only time is lost.
  static let maximumClasses = 4096

  private(set) var start: UInt64
  private var last: [PublicationClass: UInt64] = [:]

  /// - Parameter start: differs from that of every earlier run of the same node, such as the time.
  init(start: UInt64) { self.start = start }

  mutating func next(in publicationClass: PublicationClass) -> PublicationNumber {
    if let known = last[publicationClass] {
      last[publicationClass] = known + 1
      return PublicationNumber(start: start, sequence: known + 1)
    }
    if last.count >= Self.maximumClasses {
      last.removeAll(keepingCapacity: true)
      start += 1
    }
    last[publicationClass] = 1
    return PublicationNumber(start: start, sequence: 1)
  }
}

/// Watches the numbers that arrive from one source. A pure value.
struct PublicationTracker {
  enum Verdict: Hashable {
    /// Nothing is known to be missing.
    case inOrder
    /// Publications of this class are missing.
    case classGap
    /// The source has begun anew: anything may be missing.
    case restarted
  }

  private var start: UInt64?
  private var last: [PublicationClass: UInt64] = [:]

  mutating func receive(
    _ number: PublicationNumber, in publicationClass: PublicationClass
  ) -> Verdict {
    if let start, start != number.start {
      last = [publicationClass: number.sequence]
      self.start = number.start
      return .restarted
    }
    start = number.start
    guard let known = last.updateValue(number.sequence, forKey: publicationClass) else {
      guard last.count > PublicationNumbering.maximumClasses else { return .inOrder }
      // No honest source has so many; forgetting must not hide a gap.
      last = [publicationClass: number.sequence]
      return .restarted
    }
    // No honest source gets to the last number, behind which there is none.
    return known < .max && number.sequence == known + 1 ? .inOrder : .classGap
  }
}
