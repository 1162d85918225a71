"""The shopping cart as a user function of limited strength: it works on ROOM commands at a time, each for WORK seconds,
without using a processor. So nodes have a capacity that does not depend on the machine: ROOM / WORK commands a second.

Serves on HOST and PORT. It writes an event for each AddItem, a snapshot with every tenth, and answers GetCart with the number of items.
"""

import os
import threading
import time
from concurrent import futures

import grpc
from cloudstate import (
    entity_pb2,
    entity_pb2_grpc,
    event_sourced_pb2,
    event_sourced_pb2_grpc,
)
from google.protobuf import descriptor_pb2, empty_pb2
from shoppingcart import shoppingcart_pb2 as api
from shoppingcart.persistence import domain_pb2 as domain

ROOM = threading.Semaphore(int(os.environ.get("ROOM", "4")))
WORK = float(os.environ.get("WORK", "0.02"))


def files(descriptor, known):
    """The descriptor's file with all that it imports, those first."""
    for dependency in descriptor.dependencies:
        yield from files(dependency, known)
    if descriptor.name not in known:
        known.add(descriptor.name)
        file = descriptor_pb2.FileDescriptorProto()
        descriptor.CopyToProto(file)
        yield file


class Discovery(entity_pb2_grpc.EntityDiscoveryServicer):
    def discover(self, info, context):
        known = set()
        parts = list(files(api.DESCRIPTOR, known)) + list(files(domain.DESCRIPTOR, known))
        return entity_pb2.EntitySpec(
            proto=descriptor_pb2.FileDescriptorSet(file=parts).SerializeToString(),
            service_info=entity_pb2.ServiceInfo(service_name="limited-cart"),
            entities=[
                entity_pb2.Entity(
                    entity_type="cloudstate.eventsourced.EventSourced",
                    service_name="com.example.shoppingcart.ShoppingCart",
                    persistence_id="limited-cart",
                )
            ],
        )

    def reportError(self, error, context):
        print(error.message, flush=True)
        return empty_pb2.Empty()


class Carts(event_sourced_pb2_grpc.EventSourcedServicer):
    def handle(self, messages, context):
        items = 0
        for message in messages:
            if message.HasField("init") and message.init.HasField("snapshot"):
                saved = domain.Cart()
                assert message.init.snapshot.snapshot.Unpack(saved)
                items = saved.items[0].quantity
            if message.HasField("event"):
                items += 1
            if not message.HasField("command"):
                continue
            command = message.command
            with ROOM:
                time.sleep(WORK)
            reply = event_sourced_pb2.EventSourcedReply(command_id=command.id)
            answer = empty_pb2.Empty()
            if command.name == "AddItem":
                items += 1
                item = domain.LineItem(productId=f"p{items}", name="P", quantity=1)
                reply.events.add().Pack(domain.ItemAdded(item=item))
                if items % 10 == 0:
                    # A cart that moves is not replayed from its beginning.
                    saved = domain.Cart(items=[domain.LineItem(productId="p", quantity=items)])
                    reply.snapshot.Pack(saved)
            elif command.name == "GetCart":
                answer = api.Cart(items=[api.LineItem(product_id="p", name="P", quantity=items)])
            reply.client_action.reply.payload.Pack(answer)
            yield event_sourced_pb2.EventSourcedStreamOut(reply=reply)


server = grpc.server(futures.ThreadPoolExecutor(max_workers=256))
entity_pb2_grpc.add_EntityDiscoveryServicer_to_server(Discovery(), server)
event_sourced_pb2_grpc.add_EventSourcedServicer_to_server(Carts(), server)
address = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8080')}"
assert server.add_insecure_port(address)
server.start()
server.wait_for_termination()
