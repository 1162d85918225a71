"""A user function with a value entity, an event sourced entity and an action, written against the protocol
itself, without a library.

usage: kinds_function.py STUBS_FOLDER PORT

Prints one line for each error that the sidecar reports. With KINDS_HTTP_GET in its environment, the method
Values.Get has this path template as its HTTP rule.
"""

import os
import pathlib
import sys
import threading
from concurrent import futures

stubs, port = sys.argv[1:]
sys.path.insert(0, stubs)

import grpc  # noqa: E402
from cloudstate import (  # noqa: E402
    action_pb2, action_pb2_grpc, entity_pb2, entity_pb2_grpc, event_sourced_pb2,
    event_sourced_pb2_grpc, value_entity_pb2, value_entity_pb2_grpc)
from google.protobuf import any_pb2, descriptor_pb2, empty_pb2  # noqa: E402
import kinds_pb2  # noqa: E402


def pack(message):
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


def unpack(packed, kind):
    message = kind()
    assert packed.Unpack(message), packed.type_url
    return message


def full_name(service):
    return service if "." in service else f"kinds.{service}"


def pack_for(service, request):
    """A request for a service; one of another package has its own type with the same first fields."""
    packed = pack(request)
    if "." in service:
        package = service.rpartition(".")[0]
        packed.type_url = f"type.googleapis.com/{package}.Request"
    return packed


def side_effects(request):
    for target in request.effects:
        service, method = target.lstrip("!").split("/")
        yield entity_pb2.SideEffect(
            service_name=full_name(service), command_name=method,
            payload=pack_for(service, kinds_pb2.Request(id=request.id, text=request.text)),
            synchronous=target.startswith("!"))


def forward(request):
    service, method = request.forward.split("/")
    # A forward to itself is a circle: it asks for the same again.
    again = request.forward if request.forward == "Relay/One" else ""
    return entity_pb2.Forward(
        service_name=full_name(service), command_name=method,
        payload=pack_for(
            service, kinds_pb2.Request(id=request.id, text=request.text, forward=again)))


def client_action(request, text):
    if request.forward:
        return entity_pb2.ClientAction(forward=forward(request))
    if request.text == "refuse":
        return entity_pb2.ClientAction(failure=entity_pb2.Failure(description="refused"))
    return entity_pb2.ClientAction(
        reply=entity_pb2.Reply(payload=pack(kinds_pb2.Response(text=text))))


def descriptors():
    files = descriptor_pb2.FileDescriptorSet.FromString(
        pathlib.Path(stubs, "kinds.binpb").read_bytes())
    template = os.environ.get("KINDS_HTTP_GET", "").encode()
    if template:
        # Option 72295728, a google.api.HttpRule with its field 2, "get".
        rule = bytes([0x12, len(template)]) + template
        option = bytes([0x82, 0xd3, 0xe4, 0x93, 0x02, len(rule)]) + rule
        service = next(s for f in files.file for s in f.service if s.name == "Values")
        next(m for m in service.method if m.name == "Get").options.MergeFromString(option)
    return files.SerializeToString()


class Discovery(entity_pb2_grpc.EntityDiscoveryServicer):
    def discover(self, proxy, context):
        def entity(kind, service):
            return entity_pb2.Entity(
                entity_type=kind, service_name=f"kinds.{service}", persistence_id=service.lower())
        return entity_pb2.EntitySpec(
            proto=descriptors(),
            service_info=entity_pb2.ServiceInfo(
                service_name="kinds", protocol_major_version=0, protocol_minor_version=2),
            entities=[
                entity("cloudstate.valueentity.ValueEntity", "Values"),
                entity("cloudstate.eventsourced.EventSourced", "Journal"),
                entity("cloudstate.action.ActionProtocol", "Relay"),
            ])

    def reportError(self, error, context):
        print(error.message.replace("\n", " | "), flush=True)
        return empty_pb2.Empty()


class Values(value_entity_pb2_grpc.ValueEntityServicer):
    def handle(self, messages, context):
        state = ""
        for message in messages:
            if message.HasField("init"):
                assert message.init.HasField("state")
                if message.init.state.HasField("value"):
                    state = unpack(message.init.state.value, kinds_pb2.Response).text
                continue
            command = message.command
            request = unpack(command.payload, kinds_pb2.Request)
            reply = value_entity_pb2.ValueEntityReply(command_id=command.id)
            if command.name == "Set" and request.text != "refuse":
                state = request.text
                reply.state_action.update.value.Pack(kinds_pb2.Response(text=state))
            elif command.name == "Delete":
                state = ""
                reply.state_action.delete.SetInParent()
            elif command.name == "Break":
                reply.state_action.SetInParent()
            reply.side_effects.extend(side_effects(request))
            reply.client_action.CopyFrom(client_action(request, state))
            yield value_entity_pb2.ValueEntityStreamOut(reply=reply)


class Journal(event_sourced_pb2_grpc.EventSourcedServicer):
    def handle(self, messages, context):
        texts = []
        for message in messages:
            if message.HasField("event"):
                texts.append(unpack(message.event.payload, kinds_pb2.Response).text)
            if not message.HasField("command"):
                continue
            command = message.command
            request = unpack(command.payload, kinds_pb2.Request)
            reply = event_sourced_pb2.EventSourcedReply(command_id=command.id)
            if command.name == "Append":
                texts.append(request.text)
                reply.events.append(pack(kinds_pb2.Response(text=request.text)))
            reply.side_effects.extend(side_effects(request))
            reply.client_action.CopyFrom(client_action(request, ",".join(texts)))
            yield event_sourced_pb2.EventSourcedStreamOut(reply=reply)


def response(request, text):
    answer = action_pb2.ActionResponse(side_effects=side_effects(request))
    action = client_action(request, text)
    getattr(answer, action.WhichOneof("action")).CopyFrom(getattr(action, action.WhichOneof("action")))
    return answer


def metadata(command):
    return {entry.key: entry.string_value or entry.bytes_value.hex()
            for entry in command.metadata.entries}


def wait_for_end(context, what):
    """Waits until the call is over, for whatever reason, and says so."""
    over = threading.Event()
    context.add_callback(over.set)
    if over.wait(60):
        print(f"call over by {what}", flush=True)


class Relay(action_pb2_grpc.ActionProtocolServicer):
    def handleUnary(self, command, context):
        request = unpack(command.payload, kinds_pb2.Request)
        if request.text == "abort":
            context.abort(grpc.StatusCode.ALREADY_EXISTS, "there is one")
        if request.text == "wait":
            wait_for_end(context, "deadline")
        answer = response(request, request.text)
        if request.text == "remaining":
            answer.reply.payload.Pack(kinds_pb2.Response(text=str(context.time_remaining())))
        if request.text == "metadata":
            given = metadata(command)
            answer.reply.payload.Pack(kinds_pb2.Response(
                text=f"{given.get('x-color')} {given.get('x-raw-bin')}"))
            entry = answer.reply.metadata.entries.add(key="x-answer")
            entry.string_value = "yes"
        return answer

    def handleStreamedIn(self, commands, context):
        header = next(commands)
        assert header.name == "In" and not header.HasField("payload")
        texts = []
        for command in commands:
            assert not command.service_name and not command.name
            texts.append(unpack(command.payload, kinds_pb2.Request).text)
        return response(kinds_pb2.Request(), ",".join(texts))

    def handleStreamedOut(self, command, context):
        request = unpack(command.payload, kinds_pb2.Request)
        for text in request.text.split(","):
            if text == "wait":
                wait_for_end(context, "cancellation")
            yield response(
                kinds_pb2.Request(
                    id=request.id, text=text, effects=request.effects, forward=request.forward),
                text)

    def handleStreamed(self, commands, context):
        header = next(commands)
        assert header.name == "Both" and not header.HasField("payload")
        for command in commands:
            request = unpack(command.payload, kinds_pb2.Request)
            # Nothing for the client, as a response without content.
            yield action_pb2.ActionResponse()
            yield response(request, request.text.upper())
        print("stream over", flush=True)


server = grpc.server(
    futures.ThreadPoolExecutor(max_workers=64), options=[("grpc.max_receive_message_length", -1)])
entity_pb2_grpc.add_EntityDiscoveryServicer_to_server(Discovery(), server)
value_entity_pb2_grpc.add_ValueEntityServicer_to_server(Values(), server)
event_sourced_pb2_grpc.add_EventSourcedServicer_to_server(Journal(), server)
action_pb2_grpc.add_ActionProtocolServicer_to_server(Relay(), server)
assert server.add_insecure_port(f"127.0.0.1:{port}")
server.start()
server.wait_for_termination()
