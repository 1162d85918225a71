package import CommandLineKit
import Glibc

/// Where ephemeral runs keep their data.
package enum EphemeralFolder {
  /// The one place of a topology's ephemeral run, where `ps` and `down` find it.
  ///
  /// - Throws: as ``folder()``.
  package static func path(topology name: String) throws(ProgramError) -> String {
    "\(try folder())/\(name)"
  }

  /// The folder of all ephemeral runs of this user, which only this user may enter, because names in
  /// `/tmp` can be foretold.
  ///
  /// - Throws: ``ProgramError`` with status `denied` when somebody else owns that folder.
  static func folder() throws(ProgramError) -> String {
    let folder = "\(temporaryFolder())/cs-up-\(getuid())"
    if mkdir(folder, 0o700) != 0, errno != EEXIST {
      throw .system("cannot make \(folder)", code: errno)
    }
    var information = stat()
    guard lstat(folder, &information) == 0, information.st_mode & S_IFMT == S_IFDIR,
      information.st_uid == getuid()
    else {
      throw ProgramError(
        "\(folder) belongs to somebody else", hint: "set TMPDIR to a folder of your own",
        status: .denied)
    }
    return folder
  }

  private static func temporaryFolder() -> String {
    guard let folder = environmentVariable("TMPDIR"), !folder.isEmpty else { return "/tmp" }
    return normalizedPath(folder, in: currentDirectory())
  }
}
