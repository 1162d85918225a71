import Testing

@testable import Ingress

/// The grammar and the matching of path templates, with the vectors of proxy behaviour, section 12.3.
@Suite struct PathTemplateTests {
  /// What the variables of a template get from a path, in order; `nil` where it does not match.
  private func captures(_ template: String, _ path: String) throws -> [String]? {
    let bytes = Array(path.utf8)
    return try PathTemplate(template).match(bytes)?.map {
      String(decoding: bytes[$0], as: UTF8.self)
    }
  }

  @Test(
    "Paths that match, and what the variables get",
    arguments: [
      ("/foo", "/foo", []),
      ("/foo/{bar}", "/foo/blah", ["blah"]),
      ("/foo/{bar}", "/foo/", [""]),
      ("/foo/{bar}/baz", "/foo/blah/baz", ["blah"]),
      ("/foo/{bar=*/a/*}/baz", "/foo/bl/a/h/baz", ["bl/a/h"]),
      ("/foo/{bar=**}", "/foo/blah/baz", ["blah/baz"]),
      ("/foo/{bar=**}", "/foo/a:b/c", ["a:b/c"]),
      ("/foo/**", "/foo/", []),
      ("/foo/{bar}:watch", "/foo/blah:watch", ["blah"]),
      ("/foo/{bar=**}:watch", "/foo/a/b:c:watch", ["a/b:c"]),
      ("/a/*/{b.c}/{d}", "/a/x/y/z", ["y", "z"]),
      (
        "/cart/{user_id}/items/{product_id}/remove", "/cart/u%2F1/items/p+1/remove",
        ["u%2F1", "p+1"]
      ),
      ("/v1/{name=shelves/*/books/*}", "/v1/shelves/1/books/2", ["shelves/1/books/2"]),
      ("/ä%20b", "/ä%20b", []),
    ] as [(String, String, [String])])
  func matches(template: String, path: String, variables: [String]) throws {
    #expect(try captures(template, path) == variables)
  }

  @Test(
    "Paths that do not match",
    arguments: [
      ("/foo", "/foo/"), ("/foo", "/fo"), ("/foo", "/foobar"), ("/foo/{bar}/baz", "/foo/bl/ah/baz"),
      ("/foo/{bar}", "/foo"), ("/foo/{bar}", "/foo/a/b"), ("/foo/{bar}", "/foo/a:b"),
      ("/foo/{bar}:watch", "/foo/blah"), ("/foo/{bar}:watch", "/foo/blah:other"),
      ("/foo/{bar}:watch", "/foo/blah:watch/x"), ("/foo/{bar=*/a/*}/baz", "/foo/bl/b/h/baz"),
      ("/foo/{bar=**}:watch", "/foo/a/b"), ("/foo/**", "/foo"), ("/foo/**:watch", "/foo/:watc"),
      ("/foo", "/FOO"), ("/foo", ""),
    ])
  func refuses(template: String, path: String) throws {
    #expect(try captures(template, path) == nil)
  }

  @Test(
    "Mistakes are named with their column",
    arguments: [
      ("/foo/{bar={baz}}", 11, "Variable segments may not be nested at character 11"),
      ("foo", 1, "Template must start with a slash at character 1"),
      ("no/initial/slash", 1, "Template must start with a slash at character 1"),
      ("", 1, "Template must start with a slash at end of input"),
      ("/foo/{bar*}", 10, "Expected '.', '=' or '}' at character 10"),
      ("/foo/{bar", 10, "Expected '.', '=' or '}' at end of input"),
      ("/f*o", 3, "Expected '/', ':' or the end of the template at character 3"),
      ("/foo/{bar=ba*}", 13, "Expected '/' or '}' at character 13"),
      ("/", 2, "Expected text, '*', '**' or '{' at end of input"),
      ("/foo//bar", 6, "Expected text, '*', '**' or '{' at character 6"),
      ("/foo/{}", 7, "Expected a field name at character 7"),
      ("/foo/{a.}", 9, "Expected a field name at character 9"),
      ("/foo/{1a}", 7, "Expected a field name at character 7"),
      ("/foo/{_a}", 7, "Expected a field name at character 7"),
      ("/foo:", 6, "Expected a verb after ':' at end of input"),
      ("/foo:a/b", 7, "Expected '/', ':' or the end of the template at character 7"),
      ("/foo:a:b", 7, "Expected '/', ':' or the end of the template at character 7"),
      ("/foo/{a}x", 9, "Expected '/', ':' or the end of the template at character 9"),
      ("/{a}/{b}/{a}", 11, "Duplicate path in template at character 11"),
      ("/{a.b}/{a.b=**}", 9, "Duplicate path in template at character 9"),
      (
        "/foo/**/bar", 6,
        "Multi segment matchers (**) may only be in the last position of the template at character 6"
      ),
      (
        "/foo/{a=**}/bar", 9,
        "Multi segment matchers (**) may only be in the last position of the template at character 9"
      ),
    ])
  func mistakes(template: String, column: Int, text: String) {
    let error = #expect(throws: PathTemplateError.self) { try PathTemplate(template) }
    #expect(error?.column == column)
    #expect(error?.description == "\(text) of '\(template)'")
  }
}
