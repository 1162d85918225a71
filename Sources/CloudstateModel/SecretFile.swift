/// Files that hold secrets.
package enum SecretFile {
  /// Whether others than its owner and the readers of its group can read or change a file. The group may read:
  /// that is how a file is shared with the user of a service.
  ///
  /// - Parameter mode: `st_mode`.
  package static func isOpen(mode: UInt32) -> Bool { mode & 0o027 != 0 }

  /// What to do about it.
  package static func remedy(_ path: String) -> String {
    "others can read or change this secret key; chmod 600 \(path) (640 for a group)"
  }
}
