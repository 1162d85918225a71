import RocksDB

/// What a folder is, found out without a change to it: opening a store makes one.
package enum StoreFolder: Hashable, Sendable {
  /// There is no such folder, or nothing in it.
  case empty
  /// A node's store, sound or not.
  case store
  /// A coordinator's database.
  case coordinator
  /// No database; these folders in it are nodes' stores, which may be none.
  case other(stores: [String])

  /// Looks at the folder `path`.
  ///
  /// - Throws: ``StoreError`` with `.cannotOpen` for a folder that cannot be read.
  package init(_ path: String) throws(StoreError) {
    do throws(RocksDBError) {
      let names = try DatabaseInspection.fileNames(in: path)
      if names.isEmpty {
        self = .empty
      } else if try DatabaseInspection.isDatabase(path) {
        self = Self.isCoordinator(path) ? .coordinator : .store
      } else {
        self = .other(
          stores: names.map { "\(path)/\($0)" }.filter { path in
            guard (try? DatabaseInspection.isDatabase(path)) == true else { return false }
            return !Self.isCoordinator(path)
          })
      }
    } catch {
      throw StoreError(.cannotOpen, error.message)
    }
  }

  /// One whose list of families cannot be read is taken for a store; opening it tells what is wrong.
  private static func isCoordinator(_ path: String) -> Bool {
    let families = (try? DatabaseInspection.familyNames(of: path)) ?? []
    return families.contains("coordinator")
      && !families.contains(StoreFamily.journal.rawValue)
  }
}
