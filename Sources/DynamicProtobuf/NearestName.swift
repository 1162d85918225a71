/// Longer texts are no typing mistakes, and comparing them takes time in the square of their length.
private let longestName = 200

/// The name that somebody most likely meant: the one with the fewest characters to insert, remove or replace
/// (Levenshtein distance), letter case aside; `nil` when more than a third of the characters differ.
func nearestName(to wanted: String, among names: [String]) -> String? {
  guard wanted.utf8.count <= longestName else { return nil }
  var best: (name: String, distance: Int)?
  for name in names where name.utf8.count <= longestName {
    let distance = editDistance(Array(wanted.lowercased()), Array(name.lowercased()))
    if distance <= max(1, wanted.count / 3), distance < best?.distance ?? .max {
      best = (name, distance)
    }
  }
  return best?.name
}

private func editDistance(_ left: [Character], _ right: [Character]) -> Int {
  var row = Array(0...right.count)
  for (leftIndex, character) in left.enumerated() {
    var diagonal = row[0]
    row[0] = leftIndex + 1
    for (rightIndex, other) in right.enumerated() {
      let replaced = diagonal + (character == other ? 0 : 1)
      diagonal = row[rightIndex + 1]
      row[rightIndex + 1] = min(replaced, diagonal + 1, row[rightIndex] + 1)
    }
  }
  return row[right.count]
}
