import Testing

@testable import Ingress

/// The OpenAPI document of a file with everything in it.
@Suite struct OpenAPIDocumentTests {
  private let json: JSONValue

  init() throws { json = try OpenAPIFixture.document().json }

  private func operation(_ path: String, _ verb: String) -> JSONValue { json["paths"][path][verb] }

  private func schema(_ name: String) -> JSONValue { json["components"]["schemas"][name] }

  private func parameters(_ path: String, _ verb: String, in place: String) -> [JSONValue] {
    operation(path, verb)["parameters"].elements.filter { $0["in"] == .string(place) }
  }

  @Test("Each binding that can be reached is an operation of a path")
  func operations() {
    let all = json["paths"].names.flatMap { path in
      json["paths"][path].names.map {
        "\($0) \(path) \(operation(path, $0)["operationId"].text.dropFirst().dropLast())"
      }
    }
    #expect(
      all == [
        "get /things/{id} Things_Get", "put /things/{id} Things_Put",
        "post /things/{id} Things_Renamed", "get /things/{id}/parts Things_Get_2",
        "get /colors/{id} Things_Get_3", "post /d.Things/Old Things_Old",
        "get /scan/{a_int64}/shelves/{a_string-2}/books/{a_string-3}:all Things_Scan",
        "delete /rest/{parent.id} Things_Rest", "get /watch Things_Watch",
        "post /up/{id} Things_Upload", "post /send Things_Send", "patch /send Things_Send_2",
        "get /pour Things_Pour", "get /any/{id} Things_Any_get", "put /any/{id} Things_Any_put",
        "post /any/{id} Things_Any_post", "delete /any/{id} Things_Any_delete",
        "patch /any/{id} Things_Any_patch", "get /hidden/{file.content_type} Things_Hiding",
      ])
  }

  @Test("Comments, tags and what is deprecated are there")
  func words() {
    #expect(json["tags"].text == #"[{"name":"d.Things","description":"All things."}]"#)
    #expect(operation("/things/{id}", "get")["tags"].text == #"["d.Things"]"#)
    #expect(operation("/things/{id}", "get")["description"] == "Shows one.")
    #expect(operation("/d.Things/Old", "post")["deprecated"] == true)
    #expect(operation("/things/{id}", "put")["deprecated"] == .null)
    #expect(
      schema("d.Thing")["description"]
        == .string(
          "A \"thing\".\nOf two lines.\n\nAt most one of: asText, asNumber, asScalars."))
    #expect(schema("d.Color")["description"] == "Colours.")
    let properties = schema("d.Thing")["properties"]
    #expect(properties["id"].text == #"{"type":"string","description":"Its key."}"#)
    #expect(
      properties["parent"].text
        == ##"{"allOf":[{"$ref":"#/components/schemas/d.Thing"}],"description":"What it is part of."}"##
    )
    #expect(properties["oldName"].text == #"{"type":"string","deprecated":true}"#)
  }

  @Test(
    "Each scalar type has its schema",
    arguments: [
      (
        "Double",
        #"{"oneOf":[{"type":"number","format":"double"},{"type":"string","enum":["NaN","Infinity","-Infinity"]}]}"#
      ),
      (
        "Float",
        #"{"oneOf":[{"type":"number","format":"float"},{"type":"string","enum":["NaN","Infinity","-Infinity"]}]}"#
      ),
      ("Int64", #"{"type":"string","format":"int64","pattern":"^-?[0-9]{1,19}$"}"#),
      ("Uint64", #"{"type":"string","format":"uint64","pattern":"^[0-9]{1,20}$"}"#),
      ("Int32", #"{"type":"integer","format":"int32"}"#),
      ("Fixed64", #"{"type":"string","format":"uint64","pattern":"^[0-9]{1,20}$"}"#),
      ("Fixed32", #"{"type":"integer","format":"int64","minimum":0,"maximum":4294967295}"#),
      ("Bool", #"{"type":"boolean"}"#), ("String", #"{"type":"string"}"#),
      ("Bytes", #"{"type":"string","format":"byte"}"#),
      ("Uint32", #"{"type":"integer","format":"int64","minimum":0,"maximum":4294967295}"#),
      ("Sfixed32", #"{"type":"integer","format":"int32"}"#),
      ("Sfixed64", #"{"type":"string","format":"int64","pattern":"^-?[0-9]{1,19}$"}"#),
      ("Sint32", #"{"type":"integer","format":"int32"}"#),
      ("Sint64", #"{"type":"string","format":"int64","pattern":"^-?[0-9]{1,19}$"}"#),
    ])
  func scalars(name: String, expected: String) {
    #expect(schema("d.Scalars")["properties"]["a\(name)"].text == expected)
  }

  @Test(
    "Messages with a JSON form of their own have its schema",
    arguments: [
      ("timestamp", #"{"type":"string","format":"date-time"}"#),
      ("duration", #"{"type":"string","pattern":"^-?[0-9]{1,12}(\\.[0-9]{1,9})?s$"}"#),
      ("fieldmask", #"{"type":"string","description":"Names of fields with commas between."}"#),
      ("struct", #"{"type":"object"}"#), ("value", #"{"nullable":true}"#),
      ("listvalue", #"{"type":"array","items":{}}"#), ("empty", #"{"type":"object"}"#),
      (
        "int64value",
        #"{"type":"string","format":"int64","pattern":"^-?[0-9]{1,19}$","nullable":true}"#
      ),
      (
        "uint32value",
        #"{"type":"integer","format":"int64","minimum":0,"maximum":4294967295,"nullable":true}"#
      ),
      ("boolvalue", #"{"type":"boolean","nullable":true}"#),
      ("stringvalue", #"{"type":"string","nullable":true}"#),
      ("bytesvalue", #"{"type":"string","format":"byte","nullable":true}"#),
    ])
  func wellKnown(name: String, expected: String) {
    #expect(schema("d.Known")["properties"]["a\(name)"].text == expected)
    #expect(!json["components"]["schemas"].names.contains { $0.hasPrefix("google.protobuf") })
  }

  @Test("Messages, lists, maps, enums and oneofs")
  func structure() {
    let thing = schema("d.Thing")
    let properties = thing["properties"]
    let reference = ##"{"$ref":"#/components/schemas/d.Thing"}"##
    #expect(properties["parts"].text == #"{"type":"array","items":\#(reference)}"#)
    #expect(
      properties["byName"].text == #"{"type":"object","additionalProperties":\#(reference)}"#)
    #expect(properties["counts"]["additionalProperties"]["format"] == "int64")
    #expect(properties["shades"]["items"].text == ##"{"$ref":"#/components/schemas/d.Color"}"##)
    #expect(properties["level"].text == ##"{"$ref":"#/components/schemas/d.Thing.Level"}"##)
    #expect(properties["null"].text == #"{"nullable":true}"#)
    #expect(schema("d.Color")["enum"].text == #"["COLOR_NONE","RED","ROT"]"#)
    #expect(thing["additionalProperties"] == false)
    #expect(
      thing["not"].text
        == #"{"anyOf":[{"required":["asText","asNumber"]},{"required":["asText","asScalars"]},"#
        + #"{"required":["asNumber","asScalars"]}]}"#)
    #expect(schema("o.Legacy")["required"].text == #"["mustBe"]"#)
    #expect(schema("o.Legacy")["properties"].names == ["mustBe", "part"])
    #expect(schema("o.Legacy.Part")["properties"]["size"]["format"] == "int32")
    // Entries of maps are no types of their own.
    #expect(
      json["components"]["schemas"].names == [
        "d.Color", "d.Known", "d.Scalars", "d.Thing", "d.Thing.Level", "d.Upload",
        "google.api.HttpBody", "google.rpc.Status", "o.Legacy", "o.Legacy.Part",
      ])
  }

  @Test("Variables are parameters of the path, of the type of their field")
  func pathParameters() throws {
    let path = "/scan/{a_int64}/shelves/{a_string-2}/books/{a_string-3}:all"
    let scan = parameters(path, "get", in: "path")
    try #require(scan.count == 3)
    #expect(scan.map { $0["name"].text } == [#""a_int64""#, #""a_string-2""#, #""a_string-3""#])
    #expect(scan.allSatisfy { $0["required"] == true })
    #expect(scan[0]["schema"]["format"] == "int64")
    #expect(scan[1]["schema"].text == #"{"type":"string","minLength":1}"#)
    let rest = parameters("/rest/{parent.id}", "delete", in: "path")
    #expect(rest.first?["description"] == "The rest of the path, with its slashes as they are.")
  }

  @Test("What a query can set is a parameter, but for the fields of the path and the body")
  func queryParameters() {
    let get = parameters("/things/{id}", "get", in: "query").map {
      String($0["name"].text.dropFirst().dropLast())
    }
    #expect(
      get.prefix(5) == ["color", "shades", "asText", "asNumber", "asScalars.aDouble"])
    #expect(get.contains("known.atimestamp"))
    #expect(get.contains("known.astringvalue"))
    #expect(get.contains("legacy.mustBe"))
    for name in ["id", "parent", "parts", "parent.id", "byName", "known.astruct", "known.aany"] {
      #expect(!get.contains(name), "\(name)")
    }
    let put = parameters("/things/{id}", "put", in: "query").map { $0["name"].text }
    #expect(put.contains(#""color""#))
    #expect(!put.contains { $0.hasPrefix(#""parent"#) })
    #expect(parameters("/things/{id}", "post", in: "query") == [])
    #expect(parameters("/rest/{parent.id}", "delete", in: "query").contains { $0["name"] == "id" })
  }

  @Test("Bodies are a message, a field, any content, or nothing")
  func bodies() {
    func content(_ path: String, _ verb: String) -> JSONValue {
      operation(path, verb)["requestBody"]["content"]
    }
    #expect(
      content("/things/{id}", "post")["application/json"]["schema"].text
        == ##"{"$ref":"#/components/schemas/d.Upload"}"##)
    #expect(
      content("/things/{id}", "put")["application/json"]["schema"].text
        == ##"{"$ref":"#/components/schemas/d.Thing"}"##)
    for (path, verb) in [("/up/{id}", "post"), ("/send", "post")] {
      #expect(
        content(path, verb).text == #"{"*/*":{"schema":{"type":"string","format":"binary"}}}"#)
    }
    #expect(operation("/things/{id}", "get")["requestBody"] == .null)
  }

  @Test("Replies are JSON, one field, bytes, or a stream; errors are text or a status")
  func replies() {
    func content(_ path: String, _ verb: String) -> JSONValue {
      operation(path, verb)["responses"]["200"]["content"]
    }
    #expect(
      content("/things/{id}/parts", "get")["application/json"]["schema"]["type"] == "array")
    #expect(
      content("/colors/{id}", "get")["application/json"]["schema"].text
        == ##"{"$ref":"#/components/schemas/d.Color"}"##)
    for (path, verb) in [("/up/{id}", "post"), ("/pour", "get"), ("/send", "patch")] {
      #expect(content(path, verb).names == ["*/*"])
    }
    #expect(
      content("/watch", "get").names == [
        "application/json", "application/x-ndjson", "text/event-stream",
      ])
    #expect(operation("/watch", "get")["responses"]["200"]["x-stream"] == true)
    #expect(operation("/watch", "get")["responses"].names == ["200", "400", "default"])
    let error = json["components"]["responses"]["Error"]["content"]
    #expect(error.names == ["text/plain", "application/json"])
  }

  @Test("Commands can have an idempotency key")
  func idempotency() {
    let reference = ##"{"$ref":"#/components/parameters/IdempotencyKey"}"##
    func has(_ path: String, _ verb: String) -> Bool {
      operation(path, verb)["parameters"].elements.contains { $0.text == reference }
    }
    #expect(has("/things/{id}", "put"))
    #expect(!has("/things/{id}", "get"))
  }

  @Test("The parameters of an operation are bounded, however large its request is")
  func bounded() throws {
    let paths = try OpenAPIFixture.document([OpenAPIFixture.wide], services: ["w.S"]).json["paths"]
    #expect(paths["/flat"]["get"]["parameters"].elements.count == 200)
    // Four levels hold no scalar, and there are more messages in them than anybody would wait for.
    #expect(paths["/deep"]["get"]["parameters"] == .null)
  }

  @Test("Services of one name are told apart, and the document is always the same")
  func severalServices() throws {
    let services = ["d.Things", "o.Things"]
    let document = try OpenAPIFixture.document(services: services).json
    #expect(document["paths"]["/o.Things/Get"]["post"]["operationId"] == "o_Things_Get")
    #expect(document["paths"]["/things/{id}"]["get"]["operationId"] == "d_Things_Get")
    #expect(document["info"]["title"] == "d.Things, o.Things")
    for _ in 0..<5 {
      #expect(try OpenAPIFixture.document(services: services).json.text == document.text)
    }
  }
}
