package import CloudstateProtocol

/// Whether a user function can start from a snapshot, by what is known of its library.
package enum SnapshotSupport {
  /// The Python library 0.1.x takes snapshots and ends the stream with an exception when it is given one
  /// (`get_payload` of its event sourced servicer reads a field that a snapshot does not have). Journals
  /// are kept whole, so such a function is given all events instead.
  package static func restoresSnapshots(_ info: Cloudstate_ServiceInfo) -> Bool {
    !(info.supportLibraryName == "cloudstate-python-support"
      && info.supportLibraryVersion.hasPrefix("0.1."))
  }
}
