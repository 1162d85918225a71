/// The candidate that a misspelt word most likely means, or `nil` when none is close.
///
/// Close means at most one slip (insertion, deletion, substitution or swap of neighbours, after
/// Damerau and Levenshtein) per three characters, but one is always allowed. Case does not count;
/// the first of equally close candidates wins.
package func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
  let limit = max(1, word.count / 3)
  let lowered = Array(word.lowercased())
  var best: (candidate: String, distance: Int)?
  for candidate in candidates {
    let distance = editDistance(lowered, Array(candidate.lowercased()))
    if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
  }
  return best?.candidate
}

/// The number of slips between two words, where a pair of characters is swapped at most once (optimal
/// string alignment). Time and memory are the product of the lengths.
func editDistance(_ left: [Character], _ right: [Character]) -> Int {
  var beforePrevious = [Int](repeating: 0, count: right.count + 1)
  var previous = Array(0...right.count)
  for row in left.indices {
    var current = [row + 1] + [Int](repeating: 0, count: right.count)
    for column in right.indices {
      let substitution = previous[column] + (left[row] == right[column] ? 0 : 1)
      var least = min(substitution, previous[column + 1] + 1, current[column] + 1)
      if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
        least = min(least, beforePrevious[column - 1] + 1)
      }
      current[column + 1] = least
    }
    beforePrevious = previous
    previous = current
  }
  return previous[right.count]
}
