import Glibc
import RocksDB

/// Directories that are of use together only: a node's without the coordinator's, or without another node's, would be
/// given to nodes that have nothing of the rest.
///
/// All are made beside their places, in `PLACE.restoring`, and moved there when all are whole. While they are moved each
/// has a mark (``RocksDB/DatabaseInspection/unfinishedMark``) with which no program opens it. So whatever interrupts
/// this, a directory without the mark has all the others beside it.
package enum RestoredDirectories {
  package struct Directory {
    package var path: String
    /// Gets the path of an empty folder, and fills it with a database.
    package var fill: (String) throws(BackupError) -> Void

    package init(path: String, fill: @escaping (String) throws(BackupError) -> Void) {
      self.path = path
      self.fill = fill
    }

    /// Without slashes at the end.
    fileprivate var place: String {
      var place = path
      while place.count > 1, place.hasSuffix("/") { place.removeLast() }
      return place
    }

    fileprivate var building: String { "\(place).restoring" }
  }

  /// Makes directories, all or none.
  ///
  /// - Parameter completion: what else belongs to it, done when all are in their places.
  /// - Throws: ``BackupError``; what is at the places is as it was then, unless the message says otherwise.
  package static func make(
    _ directories: [Directory], completion: (() throws(BackupError) -> Void)? = nil
  ) throws(BackupError) {
    for directory in directories { try check(directory) }
    let isMarked = directories.count > 1 || completion != nil
    try build(directories, isMarked: isMarked)
    try place(directories, completion)
    guard isMarked else { return }
    for directory in directories {
      let mark = "\(directory.place)/\(DatabaseInspection.unfinishedMark)"
      guard unlink(mark) == 0 else {
        throw .system("everything is restored, but \(mark) cannot be deleted; delete it by hand")
      }
      try Files.syncFolder(directory.place)
    }
  }

  private static func check(_ directory: Directory) throws(BackupError) {
    try BackupRestoration.checkEmpty(directory.path)
    guard try Files.names(in: directory.building) == nil else {
      throw BackupError(
        .conflict,
        "\(directory.building) is there, from a restore that runs or was interrupted; delete it if none runs"
      )
    }
  }

  private static func build(
    _ directories: [Directory], isMarked: Bool
  ) throws(BackupError) {
    var made: [Directory] = []
    do {
      for directory in directories {
        try Files.makeFolder(directory.building)
        made.append(directory)
        try directory.fill(directory.building)
        if isMarked {
          var mark = try WritingFile("\(directory.building)/\(DatabaseInspection.unfinishedMark)")
          try mark.sync()
        }
        try Files.syncFolder(directory.building)
      }
    } catch {
      // Made just now, and of no use to anybody.
      for directory in made { Files.removeFlatFolder(directory.building) }
      throw error
    }
  }

  private static func place(
    _ directories: [Directory], _ completion: (() throws(BackupError) -> Void)?
  ) throws(BackupError) {
    var placed = 0
    do {
      for directory in directories {
        let place = directory.place
        let parent = place.lastIndex(of: "/").map { String(place[..<$0]) } ?? "."
        try Files.rename(directory.building, to: place)
        placed += 1
        try Files.syncFolder(parent.isEmpty ? "/" : parent)
      }
      try completion?()
    } catch {
      for directory in directories[placed...] { Files.removeFlatFolder(directory.building) }
      for directory in directories[..<placed] { Files.removeFlatFolder(directory.place) }
      throw error
    }
  }
}
