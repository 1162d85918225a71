import CloudstateModel
import CloudstateProtocol
import GRPCTransport
import SwiftProtobuf
import Testing

/// What becomes of path, query and body (proxy behaviour, section 12.4).
@Suite struct RequestMessageTests {
  private let fixture: HTTPFixture

  init() throws {
    fixture = try HTTPFixture(
      .init("Get", rule(get: "/get/{id}")),
      .init("Rest", rule(get: "/rest/{id=**}")),
      .init("Nested", rule(get: "/nested/{id}/{inner.inner.name}/{inner.count}")),
      .init("All", rule(post: "/all/{id}", body: "*")),
      .init("AllNested", rule(post: "/all/{id}/{inner.name}", body: "*")),
      .init("Field", rule(post: "/field/{id}", body: "inner")),
      .init("FieldNested", rule(post: "/field/{id}/{inner.name}", body: "inner")),
      .init("Scalar", rule(post: "/scalar/{id}", body: "number")),
      .init("File", rule(post: "/file/{id}", body: "file")),
      .init("ActUpload", input: ".google.api.HttpBody", rule(post: "/upload", body: "*")),
      .init("Remove", .with { ($0.delete, $0.body) = ("/remove/{id}", "*") }),
      .init("NoBody", rule(post: "/nobody/{id}")),
      .init("Generated"))
  }

  @Test(
    "Messages are made of path and query",
    arguments: [
      ("/get/a", #"{"id":"a"}"#),
      ("/get/a%2Fb%20%C3%A4%25", #"{"id":"a/b ä%"}"#),
      // A plus is a blank in queries only.
      ("/get/a+b?product_id=c+d%2B", #"{"id":"a+b","productId":"c d+"}"#),
      ("/rest/a/b:c", #"{"id":"a/b:c"}"#),
      ("/get/a?product_id=p", #"{"id":"a","productId":"p"}"#),
      ("/get/a?productId=p", #"{"id":"a","productId":"p"}"#),
      ("/get/a?number=-7&numbers=1&numbers=2", #"{"id":"a","number":-7,"numbers":["1","2"]}"#),
      (
        "/get/a?inner.name=n&inner.tags=x&inner.tags=y&inner.inner.count=3",
        #"{"id":"a","inner":{"name":"n","tags":["x","y"],"inner":{"count":3}}}"#
      ),
      // What the path says counts.
      ("/get/a?id=b", #"{"id":"a"}"#),
      // Without a value a key means nothing, also an unknown one; an empty value is one.
      ("/get/a?number&nope&", #"{"id":"a"}"#), ("/get/a?product_id=", #"{"id":"a"}"#),
      ("/get/a?", #"{"id":"a"}"#), ("/get/a#number=1", #"{"id":"a"}"#),
      ("http://host:1/get/a?number=1", #"{"id":"a","number":1}"#),
      (
        "/nested/a/n/4?inner.tags=t",
        #"{"id":"a","inner":{"count":4,"tags":["t"],"inner":{"name":"n"}}}"#
      ),
    ])
  func withoutBody(target: String, json: String) throws {
    let (exchange, _) = fixture.send("GET", target)
    #expect(exchange.start == nil, "\(exchange.body)")
    #expect(try fixture.lastCommand() == json)
  }

  @Test(
    "A body is a message, a field of it, or nothing",
    arguments: [
      (
        "/all/a", #"{"number":1,"inner":{"tags":["x"]}}"#,
        #"{"id":"a","number":1,"inner":{"tags":["x"]}}"#
      ),
      // Both forms of names are read.
      ("/all/a", #"{"productId":"p"}"#, #"{"id":"a","productId":"p"}"#),
      (
        "/all/a", #"{"product_id":"p","color":"BLUE"}"#,
        #"{"id":"a","color":"BLUE","productId":"p"}"#
      ),
      // The path overrides the body, the query is not looked at.
      ("/all/a?number=7&nope=1", #"{"id":"b"}"#, #"{"id":"a"}"#),
      (
        "/all/a/n", #"{"inner":{"name":"x","count":2}}"#,
        #"{"id":"a","inner":{"name":"n","count":2}}"#
      ),
      ("/field/a?number=3", #"{"name":"n"}"#, #"{"id":"a","number":3,"inner":{"name":"n"}}"#),
      ("/field/a", #"{}"#, #"{"id":"a","inner":{}}"#),
      ("/field/a/p", #"{"name":"b","count":1}"#, #"{"id":"a","inner":{"name":"p","count":1}}"#),
      ("/scalar/a", "42", #"{"id":"a","number":42}"#),
      ("/nobody/a?number=1", "not json", #"{"id":"a","number":1}"#),
      ("/t.S/Generated?number=1", #"{"id":"g"}"#, #"{"id":"g"}"#),
    ])
  func withBody(target: String, body: String, json: String) throws {
    let (exchange, _) = fixture.post(target, body)
    #expect(exchange.start == nil, "\(exchange.body)")
    #expect(try fixture.lastCommand() == json)
  }

  @Test(
    "The content type may have parameters and capitals; without a body in the rule it does not matter"
  )
  func contentTypes() throws {
    for type in ["application/json; charset=utf-8", "Application/JSON"] {
      let (exchange, _) = fixture.send(
        "POST", "/all/a", headers: [("content-type", type)], body: "{}")
      #expect(exchange.start == nil)
    }
    #expect(fixture.send("POST", "/nobody/a").exchange.start == nil)
  }

  @Test(
    "What does not fit is 400 with a text that helps",
    arguments: [
      ("GET", "/get/a?nope=1", "", "the query parameter 'nope' is no field of t.In"),
      ("GET", "/get/a?inner.nope=1", "", "the query parameter 'inner.nope' is no field of t.In"),
      (
        "GET", "/get/a?inners.name=1", "",
        "the query parameter 'inners.name' leads through 'inners', which has many values"
      ),
      (
        "GET", "/get/a?labels.key=1", "",
        "the query parameter 'labels.key' leads through 'labels', which has many values"
      ),
      (
        "GET", "/get/a?number=1&number=2", "",
        "the query parameter 'number' takes one value, not several"
      ),
      (
        "GET", "/get/a?productId=1&product_id=2", "",
        "the query parameter 'product_id' takes one value, not several"
      ),
      ("GET", "/get/a?inner.count=x", "", "'x' is no int32 for the field inner.count"),
      ("GET", "/get/a?id=%zz", "", "the query parameter 'id=%zz' has a broken percent-encoding"),
      ("GET", "/get/%ff", "", "the path /get/%ff has a broken percent-encoding"),
      ("GET", "/get/a%2", "", "the path /get/a%2 has a broken percent-encoding"),
      ("GET", "/nested/a/n/x", "", "'x' is no int32 for the field inner.count"),
      ("POST", "/all/a", "", "the request has no body; send JSON, {} for an empty message"),
      ("POST", "/all/a", "{", "the body is not valid: line 1, column 2: "),
      ("POST", "/all/a", "[]", "the body is not valid: "),
      (
        "POST", "/all/a", #"{"nmber":1}"#,
        "the body is not valid: unknown field \"nmber\" of t.In; did you mean \"number\"?"
      ),
      ("POST", "/all/a", #"{"number":"x"}"#, "the body is not valid: field number: "),
      ("POST", "/all/a", #"{"a":1,"a":2}"#, "the body is not valid: line 1, column 8: "),
      ("POST", "/field/a", #"{"nme":1}"#, "the body is not valid: unknown field \"nme\""),
      // A body must not reach beyond its field.
      (
        "POST", "/field/a", #"{"name":"n"},"number":{}"#,
        "the body is not valid: line 1, column 13: "
      ),
      (
        "POST", "/field/a?inner.count=1", "{}",
        "the query parameter 'inner.count' belongs to the field 'inner', which is the request's body"
      ),
    ])
  func mistakes(verb: String, target: String, body: String, text: String) throws {
    let exchange =
      verb == "GET"
      ? fixture.send("GET", target).exchange : fixture.post(target, body).exchange
    #expect(exchange.status == 400)
    #expect(exchange.contentType == "text/plain; charset=utf-8")
    #expect(exchange.body.hasPrefix(text), "\(exchange.body)")
    #expect(fixture.dispatcher.commands.isEmpty)
  }

  @Test("Only JSON is taken where the rule has a body")
  func wrongContentType() throws {
    for type in ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
      let (exchange, _) = fixture.send(
        "POST", "/all/a", headers: type.isEmpty ? [] : [("content-type", type)], body: "{}")
      #expect(exchange.status == 400)
      #expect(exchange.body.hasPrefix("the header content-type must be application/json"))
    }
    #expect(fixture.dispatcher.commands.isEmpty)
  }

  @Test("A field that is an HttpBody takes any body as it is")
  func httpBody() throws {
    fixture.send("POST", "/file/a", headers: [("content-type", "image/png")], body: "\u{1}\u{2}")
    #expect(
      try fixture.lastCommand()
        == #"{"id":"a","file":{"contentType":"image/png","data":"AQI="}}"#)
  }

  @Test("A message that is an HttpBody takes any body as it is, also none")
  func wholeHTTPBody() throws {
    fixture.send("POST", "/upload", headers: [("content-type", "text/csv")], body: "a,b")
    #expect(fixture.dispatcher.actions[0].sent == ["\n\u{8}text/csv\u{12}\u{3}a,b"])
    fixture.send("POST", "/upload")
    #expect(fixture.dispatcher.actions[1].sent == [""])
  }

  @Test("DELETE may have a body")
  func deleteBody() throws {
    fixture.send(
      "DELETE", "/remove/a", headers: [("content-type", "application/json")],
      body: #"{"number":1}"#)
    #expect(try fixture.lastCommand() == #"{"id":"a","number":1}"#)
  }

  @Test("The same request has the same bytes, in whatever order its parts come")
  func canonical() throws {
    fixture.post("/all/a", #"{"productId":"p","number":0,"labels":{"x":"1","y":"2"}}"#)
    fixture.post("/all/a", #"{"labels":{"y":"2","x":"1"},"product_id":"p"}"#)
    let payloads = fixture.dispatcher.commands.map(\.command.payload)
    #expect(payloads.count == 2)
    #expect(payloads.first == payloads.last)
  }
}
