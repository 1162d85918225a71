"""Takes the OpenAPI document of a server at its word: validates it, calls each operation with generated requests, and
checks that each answer is one that the document names, of the schema it names.

usage: openapi_contract.py ADDRESS SEED ROUNDS    rounds of calls; 0 only validates
Prints for each operation how often it was answered with which status.
"""

import base64
import collections
import http.client
import json
import random
import sys
import urllib.parse

from jsonschema import RefResolver
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import validate_spec

address, seed, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
chance = random.Random(seed)
TEXTS = ["a", "b", "ä/ö", "x y", "1:2", "50%", '"', "a+b"]


def call(verb, path, headers, body=None):
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request(verb.upper(), path, body=body, headers=headers)
    response = connection.getresponse()
    return response, response.read()


response, body = call("GET", "/openapi.json", {})
assert response.status == 200, response.status
document = json.loads(body)
validate_spec(document)


def resolved(value):
    while "$ref" in value:
        place = document
        for name in value["$ref"].split("/")[1:]:
            place = place[name]
        value = place
    return value


def generate(schema, depth=0):
    schema = resolved(schema)
    if "allOf" in schema:
        return generate(schema["allOf"][0], depth)
    if "oneOf" in schema:
        return generate(chance.choice(schema["oneOf"]), depth)
    if "enum" in schema:
        return chance.choice(schema["enum"])
    kind = schema.get("type")
    if kind == "object":
        return {
            name: generate(member, depth + 1)
            for name, member in schema.get("properties", {}).items()
            if depth < 4 and chance.random() < 0.9
        }
    if kind == "array":
        return [generate(schema["items"], depth + 1) for _ in range(chance.randrange(3))]
    if kind == "integer":
        return chance.choice([-1, 0, 1, 2, 7, 2**31 - 1])
    if kind == "number":
        return chance.choice([-1.5, 0.0, 0.1])
    if kind == "boolean":
        return chance.random() < 0.5
    if schema.get("format") in ("int64", "uint64"):
        return str(chance.choice([0, 1, 2**63 - 1]))
    if schema.get("format") == "byte":
        return base64.b64encode(chance.choice(TEXTS).encode()).decode()
    if schema.get("format") == "date-time":
        return "2020-01-02T03:04:05Z"
    return chance.choice(TEXTS)


def text(value):
    return value if isinstance(value, str) else json.dumps(value)


def make_request(path, operation):
    query, headers = [], {}
    for parameter in map(resolved, operation.get("parameters", [])):
        values = generate(parameter["schema"])
        if parameter["in"] == "path":
            part = urllib.parse.quote(text(values), safe="")
            path = path.replace("{%s}" % parameter["name"], part)
        elif parameter["in"] == "query":
            values = values if isinstance(values, list) else [values]
            query += [(parameter["name"], text(value)) for value in values]
    assert "{" not in path, path
    if query:
        path += "?" + urllib.parse.urlencode(query)
    headers["accept"] = chance.choice(["*/*", "application/json", "text/plain"])
    body = None
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]
        headers["content-type"] = "application/json"
        body = json.dumps(generate(content["application/json"]["schema"])).encode()
    return path, headers, body


def check(operation, response, body):
    responses = operation["responses"]
    wanted = resolved(responses.get(str(response.status), responses["default"]))
    kind = response.getheader("content-type").split(";")[0]
    content = wanted["content"].get(kind) or wanted["content"].get("*/*")
    assert content, f"{kind} is not in the document"
    if kind == "application/json":
        resolver = RefResolver.from_schema(document)
        OAS30Validator(content["schema"], resolver=resolver).validate(json.loads(body))


counts = collections.defaultdict(collections.Counter)
for _ in range(rounds):
    for path, item in document["paths"].items():
        for verb, operation in item.items():
            target, headers, sent = make_request(path, operation)
            response, body = call(verb, target, headers, sent)
            try:
                check(operation, response, body)
            except Exception as error:
                sys.exit(f"{verb} {target} {sent}: {response.status} {body}: {error}")
            counts[operation["operationId"]][response.status] += 1

for name, statuses in sorted(counts.items()):
    print(name, *(f"{status}:{count}" for status, count in sorted(statuses.items())))
    assert statuses[200] > 0, f"{name} never succeeded"
print(len(document["paths"]), "paths")
