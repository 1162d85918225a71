package import CloudstateProtocol

/// How many entity streams a user function can serve at once, as far as its library is known for a limit.
package enum StreamCapTable {
  /// Python support (protocol section 9.6): one server thread for each open stream, of 10 in 0.1.x. With
  /// all of them taken the next stream gets no answer until another one ends, and neither do discovery
  /// and `reportError`; hence two are left free. Later versions have as many threads as processor cores,
  /// which cannot be seen from here, so they are treated alike.
  private static let limits = ["cloudstate-python-support": 8]

  /// The most streams to open at once; `nil` = no known limit. A configured limit has precedence.
  package static func maximumStreams(of info: Cloudstate_ServiceInfo) -> Int? {
    limits[info.supportLibraryName]
  }
}
