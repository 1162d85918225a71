/// Reads the grammar of path templates:
///
///     template   = "/" segments [ ":" verb ]
///     segments   = segment *( "/" segment )
///     segment    = "**" / "*" / variable / literal
///     variable   = "{" field-path [ "=" segments ] "}"
///     field-path = ident *( "." ident )
struct PathTemplateParser {
  private static let special: Set<Unicode.Scalar> = ["*", "{", "}", "/", ":", "\n"]

  private let template: String
  private let scalars: [Unicode.Scalar]
  private var offset = 0
  private var parts: [PathTemplate.Part] = []
  private var variables: [PathTemplate.Variable] = []
  /// Where `**` stands, once it does.
  private var restOffset: Int?

  init(_ template: String) {
    self.template = template
    scalars = Array(template.unicodeScalars)
  }

  mutating func parse() throws(PathTemplateError)
    -> ([PathTemplate.Part], [PathTemplate.Variable])
  {
    guard current == "/" else { throw mistake("Template must start with a slash") }
    offset += 1
    append("/")
    try parseSegments(isInVariable: false)
    if take(":") {
      append(":")
      let verb = literal()
      guard !verb.isEmpty else { throw mistake("Expected a verb after ':'") }
      append(verb)
    }
    guard current == nil else { throw mistake("Expected '/', ':' or the end of the template") }
    return (parts, variables)
  }

  private var current: Unicode.Scalar? { offset < scalars.count ? scalars[offset] : nil }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard current == scalar else { return false }
    offset += 1
    return true
  }

  private func mistake(_ what: String, at offset: Int? = nil) -> PathTemplateError {
    PathTemplateError(what: what, column: (offset ?? self.offset) + 1, template: template)
  }

  private mutating func parseSegments(isInVariable: Bool) throws(PathTemplateError) {
    while true {
      if let restOffset {
        throw mistake(
          "Multi segment matchers (**) may only be in the last position of the template",
          at: restOffset)
      }
      try parseSegment(isInVariable: isInVariable)
      guard take("/") else { return }
      append("/")
    }
  }

  private mutating func parseSegment(isInVariable: Bool) throws(PathTemplateError) {
    switch current {
    case "*":
      let start = offset
      offset += 1
      if take("*") {
        restOffset = start
        parts.append(.rest)
      } else {
        parts.append(.segment)
      }
    case "{":
      guard !isInVariable else { throw mistake("Variable segments may not be nested") }
      try parseVariable()
    default:
      let text = literal()
      guard !text.isEmpty else { throw mistake("Expected text, '*', '**' or '{'") }
      append(text)
    }
  }

  private mutating func parseVariable() throws(PathTemplateError) {
    offset += 1
    let start = offset
    var fieldPath = [try identifier()]
    while take(".") { fieldPath.append(try identifier()) }
    let variable = PathTemplate.Variable(fieldPath: fieldPath)
    guard !variables.contains(variable) else {
      throw mistake("Duplicate path in template", at: start)
    }
    let index = variables.count
    variables.append(variable)
    parts.append(.begin(index))
    if take("=") {
      try parseSegments(isInVariable: true)
      guard take("}") else { throw mistake("Expected '/' or '}'") }
    } else {
      guard take("}") else { throw mistake("Expected '.', '=' or '}'") }
      parts.append(.segment)
    }
    parts.append(.end(index))
  }

  private mutating func identifier() throws(PathTemplateError) -> String {
    var name = ""
    while let scalar = current, isLetter(scalar) || (!name.isEmpty && isDigitOrLine(scalar)) {
      name.unicodeScalars.append(scalar)
      offset += 1
    }
    guard !name.isEmpty else { throw mistake("Expected a field name") }
    return name
  }

  private func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
  }

  private func isDigitOrLine(_ scalar: Unicode.Scalar) -> Bool {
    ("0"..."9").contains(scalar) || scalar == "_"
  }

  private mutating func literal() -> String {
    var text = ""
    while let scalar = current, !Self.special.contains(scalar) {
      text.unicodeScalars.append(scalar)
      offset += 1
    }
    return text
  }

  /// Adds text to that before it, so that matching compares as much as possible at once.
  private mutating func append(_ text: String) {
    if case .text(let before) = parts.last {
      parts[parts.count - 1] = .text(before + text.utf8)
    } else {
      parts.append(.text(Array(text.utf8)))
    }
  }
}
