import CloudstateProtocol
import DynamicProtobuf
import SwiftProtobuf

/// Makes bindings from the `google.api.http` option of methods, with the checks and texts of proxy behaviour,
/// section 12.2.
struct HTTPRuleReader {
  /// `(google.api.http)` (protocol section 7.1). Read by number, whatever the user function's copy of the
  /// file calls it.
  private static let option: Int32 = 72_295_728

  let pool: DescriptorPool

  /// The bindings of a method in the order of their declaration; without a rule
  /// `POST /package.Service/Method`.
  func bindings(
    of method: MethodDescriptor, in service: ServiceDescriptor
  ) throws(HTTPRuleError) -> [HTTPBinding] {
    let path = "/\(service.fullName)/\(method.name)"
    guard let option = method.messageOption(Self.option) else {
      var rule = Google_Api_HttpRule()
      rule.post = path
      rule.body = "*"
      return [try binding(rule, method, path)]
    }
    guard let rule = try? Google_Api_HttpRule(serializedBytes: option) else {
      throw .rule("The rule of method [\(method.fullName)] is not a google.api.HttpRule")
    }
    var bindings = [try binding(rule, method, path)]
    for additional in rule.additionalBindings {
      guard additional.additionalBindings.isEmpty else {
        throw .rule(
          "Only one level of additionalBindings supported, but [\(text(rule))] has more than one!")
      }
      bindings.append(try binding(additional, method, path))
    }
    return bindings
  }

  private func binding(
    _ rule: Google_Api_HttpRule, _ method: MethodDescriptor, _ path: String
  ) throws(HTTPRuleError) -> HTTPBinding {
    guard rule.selector.isEmpty || rule.selector == method.fullName else {
      throw .rule("Rule selector [\(rule.selector)] must be empty or [\(method.fullName)]")
    }
    let (verb, templateText) = try pattern(of: rule)
    let template: PathTemplate
    do throws(PathTemplateError) {
      template = try PathTemplate(templateText)
    } catch {
      throw HTTPRuleError(message: error.description)
    }
    return HTTPBinding(
      method: method, methodPath: path, verb: verb, template: template,
      variables: try variables(of: template, method), body: try body(of: rule, method),
      responseField: try responseField(of: rule, method))
  }

  private func pattern(
    of rule: Google_Api_HttpRule
  ) throws(HTTPRuleError) -> (verb: String?, template: String) {
    switch rule.pattern {
    case .get(let template): return ("GET", template)
    case .put(let template): return ("PUT", template)
    case .post(let template): return ("POST", template)
    case .delete(let template): return ("DELETE", template)
    case .patch(let template): return ("PATCH", template)
    case .custom(let custom):
      guard custom.kind == "*" else {
        throw .rule("Only Custom patterns with [*] kind supported but [\(custom.kind)] found!")
      }
      return (nil, custom.path)
    case nil: throw .rule("Pattern missing for rule [\(text(rule))]!")
    }
  }

  private func variables(
    of template: PathTemplate, _ method: MethodDescriptor
  ) throws(HTTPRuleError) -> [FieldPath] {
    var paths: [FieldPath] = []
    for variable in template.variables {
      let path: FieldPath
      do throws(FieldPath.Failure) {
        path = try FieldPath(variable.fieldPath, in: method.inputType, of: pool)
      } catch {
        switch error {
        case .unknown:
          throw .rule(
            "Unknown field name [\(variable.name)] in type [\(method.inputType)] reference in path "
              + "template for method [\(method.fullName)]")
        case .repeated(let name): throw repeatedVariable(name)
        case .map(let name): throw mapVariable(name)
        }
      }
      if path.last.isMap { throw mapVariable(variable.name) }
      if path.last.isRepeated { throw repeatedVariable(variable.name) }
      switch path.last.kind {
      case .enum: throw .rule("Enum path parameters not supported!")
      case .message, .group: throw .rule("Message path parameters not supported!")
      default: paths.append(path)
      }
    }
    return paths
  }

  private func repeatedVariable(_ name: String) -> HTTPRuleError {
    .rule("Repeated parameters [\(name)] are not allowed as path variables")
  }

  private func mapVariable(_ name: String) -> HTTPRuleError {
    .rule("Map parameters [\(name)] are not allowed as path variables")
  }

  private func body(
    of rule: Google_Api_HttpRule, _ method: MethodDescriptor
  ) throws(HTTPRuleError) -> HTTPBinding.Body {
    switch rule.body {
    case "": return .none
    case "*": return .message
    default:
      guard let field = field(rule.body, of: method.inputType) else {
        throw .rule(
          "Body configured to [\(rule.body)] but that field does not exist on input type.")
      }
      guard !field.isRepeated else {
        throw .rule("Body configured to [\(rule.body)] but that field is a repeated field.")
      }
      return .field(field)
    }
  }

  private func responseField(
    of rule: Google_Api_HttpRule, _ method: MethodDescriptor
  ) throws(HTTPRuleError) -> FieldDescriptor? {
    guard !rule.responseBody.isEmpty else { return nil }
    guard let field = field(rule.responseBody, of: method.outputType) else {
      throw .rule(
        "Response body field [\(rule.responseBody)] does not exist on type [\(method.outputType)]")
    }
    return field
  }

  private func field(_ name: String, of message: String) -> FieldDescriptor? {
    pool.message(named: message)?.fields.first { $0.name == name }
  }

  /// A rule on one line.
  private func text(_ rule: Google_Api_HttpRule) -> String {
    rule.textFormatString().split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }
}
