"""A user function whose methods consume events, written against the protocol itself, without a library.

usage: events_function.py STUBS_FOLDER PORT

Prints one line for each event that a method is handed.
"""

import collections
import pathlib
import sys
import threading
import time
from concurrent import futures

stubs, port = sys.argv[1:]
sys.path.insert(0, stubs)

import grpc  # noqa: E402
from cloudstate import (  # noqa: E402
    action_pb2, action_pb2_grpc, entity_pb2, entity_pb2_grpc, event_sourced_pb2,
    event_sourced_pb2_grpc, value_entity_pb2, value_entity_pb2_grpc)
from google.protobuf import any_pb2, empty_pb2  # noqa: E402
import events_pb2  # noqa: E402

lock = threading.Lock()
tries = collections.Counter()


def say(*words):
    with lock:
        print(*words, flush=True)


def refuses(kind, event):
    """The first two tries of an event with the text "refuse" are refused."""
    if event.text != "refuse":
        return False
    with lock:
        tries[kind, event.id, event.number] += 1
        return tries[kind, event.id, event.number] <= 2


def pack(message):
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


def unpack(packed, kind):
    message = kind()
    assert packed.Unpack(message), packed.type_url
    return message


def metadata(command):
    return {entry.key: entry.string_value for entry in command.metadata.entries}


def reply(text):
    return entity_pb2.Reply(payload=pack(events_pb2.Text(text=text)))


def failure():
    return entity_pb2.Failure(description="not yet")


class Discovery(entity_pb2_grpc.EntityDiscoveryServicer):
    def discover(self, proxy, context):
        def entity(kind, service):
            return entity_pb2.Entity(
                entity_type=f"cloudstate.{kind}", service_name=f"events.{service}",
                persistence_id=service.lower())
        return entity_pb2.EntitySpec(
            proto=pathlib.Path(stubs, "events.binpb").read_bytes(),
            service_info=entity_pb2.ServiceInfo(
                service_name="events", protocol_major_version=0, protocol_minor_version=2),
            entities=[
                entity("eventsourced.EventSourced", "Source"),
                entity("valueentity.ValueEntity", "Values"),
                entity("eventsourced.EventSourced", "Counter"),
                entity("eventsourced.EventSourced", "Tally"),
                entity("action.ActionProtocol", "Watcher"),
            ])

    def reportError(self, error, context):
        say("reported", error.message.replace("\n", " | "))
        return empty_pb2.Empty()


class EventSourced(event_sourced_pb2_grpc.EventSourcedServicer):
    def handle(self, messages, context):
        numbers = []
        for message in messages:
            if message.HasField("event"):
                numbers.append(unpack(message.event.payload, events_pb2.Happened).number)
            if not message.HasField("command"):
                continue
            command = message.command
            answer = event_sourced_pb2.EventSourcedReply(command_id=command.id)
            if command.name == "Emit":
                request = unpack(command.payload, events_pb2.Request)
                for _ in range(request.count or 1):
                    numbers.append(len(numbers) + 1)
                    answer.events.append(pack(events_pb2.Happened(
                        id=request.id, number=numbers[-1], text=request.text)))
            elif command.name in ("Count", "Add"):
                event = unpack(command.payload, events_pb2.Happened)
                if command.name == "Count":
                    given = metadata(command)
                    say("count", event.id, event.number, given.get("ce-subject"),
                        given.get("ce-source"), given.get("ce-specversion"))
                if command.name == "Count" and refuses(command.name, event):
                    answer.client_action.failure.CopyFrom(failure())
                    yield event_sourced_pb2.EventSourcedStreamOut(reply=answer)
                    continue
                numbers.append(event.number)
                answer.events.append(command.payload)
            else:
                assert not command.HasField("metadata")
            answer.client_action.reply.CopyFrom(reply(",".join(map(str, numbers))))
            yield event_sourced_pb2.EventSourcedStreamOut(reply=answer)


class Values(value_entity_pb2_grpc.ValueEntityServicer):
    def handle(self, messages, context):
        for message in messages:
            if not message.HasField("command"):
                continue
            command = message.command
            request = unpack(command.payload, events_pb2.Request)
            answer = value_entity_pb2.ValueEntityReply(command_id=command.id)
            if command.name == "Delete":
                answer.state_action.delete.SetInParent()
            elif request.text.startswith("JSON:"):
                text = events_pb2.Text(text=request.text[len("JSON:"):]).SerializeToString()
                answer.state_action.update.value.CopyFrom(
                    any_pb2.Any(type_url="json.cloudstate.io/thing", value=text))
            else:
                answer.state_action.update.value.Pack(events_pb2.Text(text=request.text))
            answer.client_action.reply.CopyFrom(reply("ok"))
            yield value_entity_pb2.ValueEntityStreamOut(reply=answer)


class Watcher(action_pb2_grpc.ActionProtocolServicer):
    def handleUnary(self, command, context):
        if command.name == "Wait":
            # From whatever has its text at the same number.
            path = events_pb2.Request.FromString(command.payload.value).text
            say("waiting", path)
            while context.is_active() and not pathlib.Path(path).exists():
                time.sleep(0.01)
            return action_pb2.ActionResponse(reply=reply("waited"))
        given = metadata(command)
        subject = given["ce-subject"]
        if command.name == "Changed":
            kind = command.payload.type_url
            # JSON is wrapped as the text of the message is.
            text = events_pb2.Text.FromString(command.payload.value).text
            say("changed", subject, kind, text, given["ce-type"], given["Content-Type"])
            return action_pb2.ActionResponse(reply=reply(text))
        if command.name == "Deleted":
            say("deleted", subject, command.payload.type_url)
            return action_pb2.ActionResponse()
        event = unpack(command.payload, events_pb2.Happened)
        say("seen", subject, event.number)
        if event.text == "poison":
            context.abort(grpc.StatusCode.INTERNAL, "it makes me ill")
        if refuses("Seen", event):
            return action_pb2.ActionResponse(failure=failure())
        return action_pb2.ActionResponse(forward=entity_pb2.Forward(
            service_name="events.Tally", command_name="Add", payload=command.payload))

    def handleStreamedOut(self, command, context):
        event = unpack(command.payload, events_pb2.Happened)
        say("out", metadata(command)["ce-subject"], event.number)
        for text in ("a", "b", "c"):
            yield action_pb2.ActionResponse(reply=reply(text))
        say("out-end", metadata(command)["ce-subject"], event.number)

    def handleStreamedIn(self, commands, context):
        header = next(commands)
        assert header.name == "SeenIn" and not header.metadata.entries
        for command in commands:
            event = unpack(command.payload, events_pb2.Happened)
            say("in", metadata(command)["ce-subject"], event.number)
        return action_pb2.ActionResponse(reply=reply("ok"))


server = grpc.server(futures.ThreadPoolExecutor(max_workers=128))
entity_pb2_grpc.add_EntityDiscoveryServicer_to_server(Discovery(), server)
value_entity_pb2_grpc.add_ValueEntityServicer_to_server(Values(), server)
event_sourced_pb2_grpc.add_EventSourcedServicer_to_server(EventSourced(), server)
action_pb2_grpc.add_ActionProtocolServicer_to_server(Watcher(), server)
assert server.add_insecure_port(f"127.0.0.1:{port}")
server.start()
server.wait_for_termination()
