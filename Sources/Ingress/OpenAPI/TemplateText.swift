import DynamicProtobuf

/// A path template as OpenAPI has it, where a parameter is one segment: each `*` and `**` is a parameter of its
/// own, and what a variable demands around it is text.
struct TemplateText: Hashable {
  struct Parameter: Hashable {
    let name: String
    /// The field whose whole text it is; `nil` for a part of one, and for what no field gets.
    let field: FieldDescriptor?
    let isRest: Bool
  }

  /// Such as `/carts/{user_id}/items`.
  private(set) var text = ""
  private(set) var parameters: [Parameter] = []
  /// The text with all parameters alike: OpenAPI has one entry for each.
  private(set) var shape = ""
  /// A path that the template matches, and none that has text where this one has parameters.
  private(set) var sample = ""
  /// What stands for parameters: a character that nobody writes into a template.
  private static let sampleSegment = "\u{1}"

  init(_ binding: HTTPBinding) {
    var variable: Int?
    for part in binding.template.parts {
      switch part {
      case .begin(let index): variable = index
      case .end: variable = nil
      case .text(let bytes):
        let literal = String(decoding: bytes, as: UTF8.self)
        text += literal
        shape += literal
        sample += literal
      case .segment, .rest:
        add(variable, of: binding, isRest: part == .rest)
      }
    }
  }

  /// Calls the parameters as those of another template of the same shape.
  func renamed(as other: TemplateText) -> TemplateText {
    var renamed = self
    renamed.text = other.text
    renamed.parameters = zip(parameters, other.parameters).map { own, other in
      Parameter(name: other.name, field: own.field, isRest: own.isRest)
    }
    return renamed
  }

  private mutating func add(_ variable: Int?, of binding: HTTPBinding, isRest: Bool) {
    let parts = binding.template.parts
    var name = "segment"
    var field: FieldDescriptor?
    var isWhole = false
    if let variable, let begin = parts.firstIndex(of: .begin(variable)),
      let end = parts.firstIndex(of: .end(variable))
    {
      name = binding.template.variables[variable].name
      isWhole = end - begin == 2
      field = isWhole ? binding.variables[variable].last : nil
    }
    if !isWhole {
      // A number that no other parameter has; fields cannot have such names.
      name += "-\(parameters.count + 1)"
    }
    parameters.append(Parameter(name: name, field: field, isRest: isRest))
    text += "{\(name)}"
    shape += "{}"
    sample += Self.sampleSegment
  }
}
