import CloudstateProtocol
import Testing
@testable import DynamicProtobuf
@Test func probe() throws {
  let pool = try DescriptorPool(fileDescriptorSet: WellKnownDescriptors.fileDescriptorSet)
  print(pool.fileNames, pool.serviceNames)
  for (m, j) in [
    ("cloudstate.Entity", #"{"entityTyp":"x"}"#), ("cloudstate.EntitySpec", #"{"entities":[{"serviceName":"a"},{"servicName":1}]}"#),
    ("cloudstate.EntitySpec", #"{"service_info":{"protocolMajorVersion":"x"}}"#),
    ("cloudstate.EntitySpec", #"{"service_info":{"protocolMajorVersion":99999999999}}"#),
    ("cloudstate.EntitySpec", #"{"service_info":7}"#),("cloudstate.EntitySpec", #"{"entities":{}}"#),
    ("cloudstate.EntitySpec", #"{"entities":[],"entities":[]}"#),("cloudstate.Entity", #"{"serviceName":"a","serviceName":"b"}"#),
    ("cloudstate.Entity", ""),("cloudstate.Entity", "null"),("cloudstate.Entity", "[]"),("cloudstate.Entity", "{} x"),("cloudstate.Entity", "{}{}"),("cloudstate.Entity", "7"),
    ("cloudstate.Entity", "{'serviceName':'x'}"),("cloudstate.Entity", "{serviceName:\"x\"}"),("cloudstate.Entity", "{\"serviceName\":\"x\",}"),
    ("cloudstate.Entity", "{\"serviceName\":}"),("cloudstate.Entity", "{\"serviceName\":\"\\ud800\"}"),("cloudstate.Entity", "{\"serviceName\":5}"),
    ("cloudstate.Reply", #"{"payload":{"@type":"type.googleapis.com/cloudstate.Entity","serviceNam":"x"}}"#),
    ("cloudstate.Reply", #"{"payload":{"@type":"p.cloudstate.io/string","value":"x"}}"#),
    ("cloudstate.Reply", #"{"payload":{"x":"p.cloudstate.io/string","value":"x"}}"#),
    ("cloudstate.crdt.CrdtDelta", #"{"gcounter":{"increment":"18446744073709551616"}}"#),
    ("cloudstate.crdt.CrdtDelta", #"{"gcounter":{"increment":-1}}"#),
    ("cloudstate.crdt.CrdtDelta", #"{"gcounter":{},"pncounter":{}}"#),
    ("cloudstate.crdt.CrdtStateAction", #"{"writeConsistency":"MAJORIT"}"#),
    ("google.protobuf.Timestamp", "\"2020-13-01T00:00:00Z\""),
    ("google.protobuf.Struct", #"{"a":[1,{"b":null}]}"#),
    ("cloudstate.Command", #"{"id":1.5}"#),("cloudstate.Command", #"{"streamed":"yes"}"#),("cloudstate.EntitySpec", #"{"proto":"@@@"}"#),
    ("cloudstate.Metadata", #"{"entries":[{"key":"a","stringValue":"b","bytesValue":"QQ=="}]}"#),
  ] {
    do { print(m, j, "=>", try pool.binary(fromJSON: j, message: m)) } catch { print(m, j, "=> ERR", error.kind, error.message) }
  }
  let b = try pool.binary(fromJSON: #"{"id":"5","payload":{"@type":"type.googleapis.com/cloudstate.Entity","service_name":"x"}}"#, message: "cloudstate.Command")
  print(try pool.json(fromBinary: b, message: "cloudstate.Command", printDefaults: false))
  print(try pool.json(fromBinary: b, message: "cloudstate.Command", printDefaults: true))
  do { print(try pool.json(fromBinary: [0x22, 4, 0x0a, 2, 0x61, 0x62], message: "cloudstate.Command", printDefaults: true)) } catch { print(error) }
  do { print(try pool.json(fromBinary: [0x22, 4, 0x0a, 2, 0x61], message: "cloudstate.Command", printDefaults: true)) } catch { print(error) }
}
