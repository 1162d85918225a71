/// Columns for people: as wide as their longest cell, numbers to the right.
struct TextTable {
  enum Alignment {
    case left, right
  }

  private let titles: [(String, Alignment)]
  private var rows: [[String]] = []

  init(_ titles: [(String, Alignment)]) { self.titles = titles }

  mutating func add(_ cells: String...) { rows.append(cells) }

  var text: String {
    let all = [titles.map(\.0)] + rows
    let widths = titles.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    return all.map { row in
      let cells = row.indices.map { column in
        let padding = String(repeating: " ", count: widths[column] - row[column].count)
        return titles[column].1 == .left ? row[column] + padding : padding + row[column]
      }
      let line = cells.joined(separator: "  ")
      return String(line.reversed().drop { $0 == " " }.reversed())
    }.joined(separator: "\n")
  }
}

/// `1.5 MB` and the like.
func humanBytes(_ bytes: UInt64) -> String {
  let units = ["B", "kB", "MB", "GB", "TB", "PB"]
  var value = Double(bytes)
  var unit = 0
  while value >= 999.5, unit < units.count - 1 {
    value /= 1000
    unit += 1
  }
  return unit == 0 ? "\(bytes) B" : "\((value * 10).rounded() / 10) \(units[unit])"
}

/// `-` for an empty list.
func listed(_ names: [String]) -> String { names.isEmpty ? "-" : names.joined(separator: ",") }
