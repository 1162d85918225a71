import CloudstateModel

/// What the samples of the settled members say together (proxy-behaviour 15.3).
package struct LoadSummary: Hashable, Sendable, Codable {
  /// Members that are up.
  package var members: Int
  /// Those of them that count with their full capacity.
  package var settledMembers: Int
  /// Samples behind the averages.
  package var samples: Int
  /// Averages over all samples, weighted by their lengths; 0 without samples.
  package var requestConcurrency: Double
  package var functionConcurrency: Double
  package var storeConcurrency: Double
  /// Requests per second and node in the rate window.
  package var requestRatePerNode: Double

  /// Requests that are busy with something else than waiting for the store.
  package var ownRequestConcurrency: Double { max(0, requestConcurrency - storeConcurrency) }
}

/// The samples of the last while.
struct SampleWindow: Hashable, Sendable, Codable {
  /// Processes to keep samples of: more than a cluster has members. When full, the one that has been silent for the
  /// longest time goes.
  static let maximumProcesses = 1024
  /// Samples to keep in all, shared evenly; of a process that has too many the oldest go.
  static let maximumSamples = 262_144

  private struct Received: Hashable, Sendable, Codable {
    var sample: NodeSample
    /// Milliseconds of uptime.
    var at: Int64
  }

  /// The samples of one process in the order of arrival; never empty.
  private struct Series: Hashable, Sendable, Codable {
    var origin: Origin
    var received: [Received]
  }

  /// In the order of their origins.
  private var series: [Series] = []

  mutating func receive(_ sample: NodeSample, at now: Int64) {
    let received = Received(sample: sample, at: now)
    let origin = Origin(sample)
    var place = index(of: origin)
    guard place == series.count || series[place].origin != origin else {
      let limit = Self.maximumSamples / Self.maximumProcesses
      if series[place].received.count >= max(limit, Self.maximumSamples / series.count) {
        series[place].received.removeFirst(limit / 4)
      }
      series[place].received.append(received)
      return
    }
    if series.count >= Self.maximumProcesses, let silent = longestSilent {
      series.remove(at: silent)
      place = index(of: origin)
    }
    series.insert(Series(origin: origin, received: [received]), at: place)
  }

  mutating func drop(before limit: Int64) {
    for place in series.indices {
      guard let first = series[place].received.first, first.at < limit else { continue }
      series[place].received.removeAll { $0.at < limit }
    }
    series.removeAll { $0.received.isEmpty }
  }

  /// The first of the members without a sample.
  func firstMissing(of members: [ScaleMember]) -> NodeID? {
    members.filter { samples(of: Origin($0)).isEmpty }.map(\.node).min()
  }

  func summary(
    of observation: ScaleObservation, at now: Int64, rateWindow: Duration
  ) -> LoadSummary {
    // Always in the same order: sums of numbers with a point depend on it.
    let settled = Set(observation.members.filter(\.isSettled).map { Origin($0) }).sorted()
    let rateStart = now - rateWindow.wholeMilliseconds
    var total = 0.0
    var (request, function, store) = (0.0, 0.0, 0.0)
    var samples = 0
    var rate = 0.0
    for origin in settled {
      var recent = (count: 0.0, seconds: 0.0)
      for received in self.samples(of: origin) {
        let sample = received.sample
        let length = Double(sample.intervalNanoseconds)
        samples += 1
        total += length
        request += length * sample.requests.concurrency
        function += length * sample.functions.concurrency
        store += length * sample.store.concurrency
        guard received.at >= rateStart else { continue }
        recent.count += Double(sample.requests.count)
        recent.seconds += length / 1e9
      }
      if recent.seconds > 0 { rate += recent.count / recent.seconds }
    }
    return LoadSummary(
      members: observation.members.count, settledMembers: settled.count, samples: samples,
      requestConcurrency: total > 0 ? request / total : 0,
      functionConcurrency: total > 0 ? function / total : 0,
      storeConcurrency: total > 0 ? store / total : 0,
      requestRatePerNode: settled.isEmpty ? 0 : rate / Double(settled.count))
  }

  private func samples(of origin: Origin) -> [Received] {
    let place = index(of: origin)
    return place < series.count && series[place].origin == origin ? series[place].received : []
  }

  /// Where the origin is or belongs.
  private func index(of origin: Origin) -> Int {
    var low = 0
    var high = series.count
    while low < high {
      let middle = (low + high) / 2
      if series[middle].origin < origin { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private var longestSilent: Int? {
    series.indices.min { (series[$0].received.last?.at ?? 0) < (series[$1].received.last?.at ?? 0) }
  }
}

/// One process of one node.
private struct Origin: Hashable, Comparable, Codable {
  var node: NodeID
  var incarnation: UInt64

  init(_ sample: NodeSample) {
    node = sample.node
    incarnation = sample.incarnation
  }

  init(_ member: ScaleMember) {
    node = member.node
    incarnation = member.incarnation
  }

  static func < (left: Self, right: Self) -> Bool {
    (left.node, left.incarnation) < (right.node, right.incarnation)
  }
}
