"""Two people in a chat, each at a node of their own: joins, messages and leaves must reach the other one.

usage: chat_client.py ADDRESS_OF_ADA ADDRESS_OF_BOB ROUNDS

Knows the services by reflection only. Prints, as JSON, how many milliseconds each kind of news took, the slowest
last.
"""

import json
import queue
import sys
import threading
import time

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

DEADLINE = 20  # seconds


class Node:
    def __init__(self, address):
        self.channel = grpc.insecure_channel(address)
        self.pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(self.channel))

    def method(self, service, name):
        method = self.pool.FindServiceByName("cloudstate.samples.chat." + service).FindMethodByName(name)
        request, response = (
            message_factory.GetMessageClass(kind) for kind in (method.input_type, method.output_type))
        call = self.channel.unary_stream if method.server_streaming else self.channel.unary_unary
        stub = call(
            f"/{method.containing_service.full_name}/{name}",
            request_serializer=request.SerializeToString, response_deserializer=response.FromString)
        return lambda **fields: stub(request(**fields))


class Feed:
    """What a stream brings, as it comes."""

    def __init__(self, call):
        self.call = call
        self.news = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        try:
            for message in self.call:
                self.news.put(message)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.CANCELLED:
                self.news.put(error)

    def wait(self, wanted):
        end = time.monotonic() + DEADLINE
        while True:
            message = self.news.get(timeout=max(0.001, end - time.monotonic()))
            if isinstance(message, Exception):
                raise message
            if wanted(message):
                return


def main():
    ada, bob = Node(sys.argv[1]), Node(sys.argv[2])
    took = {"join": [], "message to ada": [], "message to bob": [], "leave": []}

    def measure(kind, action, feed, wanted):
        begin = time.monotonic()
        result = action()
        feed.wait(wanted)
        took[kind].append(round((time.monotonic() - begin) * 1000, 1))
        return result

    presence = Feed(ada.method("presence.Presence", "Monitor")(name="bob"))
    presence.wait(lambda status: not status.online)
    room_of_ada = Feed(ada.method("rooms.Rooms", "Listen")(room="tea"))
    room_of_bob = Feed(bob.method("rooms.Rooms", "Listen")(room="tea"))
    for feed in (room_of_ada, room_of_bob):
        feed.wait(lambda _: True)
    for number in range(int(sys.argv[3])):
        call = measure(
            "join", lambda: bob.method("presence.Presence", "Connect")(name="bob"), presence,
            lambda status: status.online)
        for node, user, feed, kind in (
            (bob, "bob", room_of_ada, "message to ada"), (ada, "ada", room_of_bob, "message to bob")):
            text = f"{user} {number}"
            measure(
                kind,
                lambda: node.method("rooms.Rooms", "Post")(room="tea", user=user, text=text), feed,
                lambda history: any(message.text == text for message in history.messages))
        measure("leave", call.cancel, presence, lambda status: not status.online)
    print(json.dumps({kind: sorted(times) for kind, times in took.items()}))


if __name__ == "__main__":
    main()
