@testable import Ingress

extension FuzzTarget {
  /// A path template, a zero byte, and a path that is matched against it.
  static let pathTemplates = FuzzTarget("path-templates") { input in
    var input = input
    let text = input.text()
    let template: PathTemplate
    do throws(PathTemplateError) {
      template = try PathTemplate(text)
    } catch {
      try demand(
        (1...text.unicodeScalars.count + 1).contains(error.column), "\(error.column) in \(text)")
      _ = error.description
      return
    }
    try demandEqual(try PathTemplate(template.text), template, "a template read again")
    let path = input.rest()
    let found = template.match(path)
    try demandEqual(found != nil, PathOracle(template).matches(path), "'\(text)' for \(path)")
    guard let found else { return }
    try demandEqual(found.count, template.variables.count, "captures")
    for range in found { _ = URLText.decode(path[range], isForm: false) }
  }
}

/// Matches a template by trying everything, part by part.
private struct PathOracle {
  private let parts: [PathTemplate.Part]

  init(_ template: PathTemplate) { parts = template.parts }

  func matches(_ path: [UInt8]) -> Bool { matches(path[...], parts[...]) }

  private func matches(_ path: ArraySlice<UInt8>, _ parts: ArraySlice<PathTemplate.Part>) -> Bool {
    guard let part = parts.first else { return path.isEmpty }
    let rest = parts.dropFirst()
    switch part {
    case .begin, .end: return matches(path, rest)
    case .text(let text):
      return path.starts(with: text) && matches(path.dropFirst(text.count), rest)
    case .segment, .rest:
      for length in 0...path.count {
        let taken = path.prefix(length)
        if part == .segment, taken.contains(UInt8(ascii: "/")) || taken.contains(UInt8(ascii: ":"))
        {
          return false
        }
        if matches(path.dropFirst(length), rest) { return true }
      }
      return false
    }
  }
}
