"""The shopping cart sample for the unmodified Cloudstate library of Python, version 0.1.1.

It behaves as the Swift sample does, over the protocol of 2020. Run it with the interpreter that
Scripts/python-environment prints; it serves on HOST and PORT (default 127.0.0.1:8080).
"""

import logging

from cloudstate.cloudstate import CloudState
from cloudstate.event_sourced_context import EventSourcedCommandContext
from cloudstate.event_sourced_entity import EventSourcedEntity
from google.protobuf.empty_pb2 import Empty

from shoppingcart import shoppingcart_pb2 as api
from shoppingcart.persistence import domain_pb2 as domain


class CartState:
    """The items of one cart by product id, in the order in which they were first added."""

    def __init__(self):
        self.items = {}


# The library takes every file that discovery shall list; the well-known ones it adds itself.
entity = EventSourcedEntity(
    service_descriptor=api.DESCRIPTOR.services_by_name["ShoppingCart"],
    file_descriptors=[api.DESCRIPTOR, domain.DESCRIPTOR],
    init_state=lambda entity_id: CartState(),
    persistence_id="shopping-cart",
    snapshot_every=5,
)


# The library finds each argument of a handler by its annotation, so every one must have it.


@entity.command_handler("AddItem")
def add_item(command: api.AddLineItem, context: EventSourcedCommandContext):
    if command.quantity < 1:
        context.fail(f"Cannot add {command.quantity} of item {command.product_id}: add at least 1.")
        return Empty()
    item = domain.LineItem(
        productId=command.product_id, name=command.name, quantity=command.quantity
    )
    context.emit(domain.ItemAdded(item=item))
    return Empty()


@entity.command_handler("RemoveItem")
def remove_item(
    state: CartState, command: api.RemoveLineItem, context: EventSourcedCommandContext
):
    if command.product_id not in state.items:
        context.fail(f"Cannot remove item {command.product_id}: it is not in the cart.")
        return Empty()
    context.emit(domain.ItemRemoved(productId=command.product_id))
    return Empty()


@entity.command_handler("GetCart")
def get_cart(state: CartState):
    return api.Cart(
        items=[
            api.LineItem(product_id=item.productId, name=item.name, quantity=item.quantity)
            for item in state.items.values()
        ]
    )


@entity.event_handler(domain.ItemAdded)
def item_added(state: CartState, event: domain.ItemAdded):
    known = state.items.get(event.item.productId)
    if known is None:
        added = domain.LineItem()
        added.CopyFrom(event.item)
        state.items[added.productId] = added
    else:
        known.quantity += event.item.quantity


@entity.event_handler(domain.ItemRemoved)
def item_removed(state: CartState, event: domain.ItemRemoved):
    del state.items[event.productId]


@entity.snapshot()
def snapshot(state: CartState):
    return domain.Cart(items=state.items.values())


@entity.snapshot_handler()
def restore(state: CartState, saved: domain.Cart):
    state.items = {item.productId: item for item in saved.items}


if __name__ == "__main__":
    logging.basicConfig()
    CloudState().register_event_sourced_entity(entity).start()
