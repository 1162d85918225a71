"""Many carts from many concurrent clients.

usage: cart_load.py fill|check CARTS CLIENTS ADDRESS...

fill sends five commands to each cart, check reads each cart. Fails on any error, hang or wrong cart.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from shoppingcart import shoppingcart_pb2 as api
from shoppingcart import shoppingcart_pb2_grpc as stubs

mode, carts, clients = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
channels = [grpc.insecure_channel(address) for address in sys.argv[4:]]
services = [stubs.ShoppingCartStub(channel) for channel in channels]
TIMEOUT = 120


def fill(number):
    user = f"user-{number}"
    service = services[number % len(services)]
    for product, quantity in (("a", 1), ("b", number + 1), ("a", 2), ("c", 1)):
        service.AddItem(
            api.AddLineItem(
                user_id=user, product_id=product, name=product.upper(), quantity=quantity
            ),
            timeout=TIMEOUT,
        )
    service.RemoveItem(api.RemoveLineItem(user_id=user, product_id="c"), timeout=TIMEOUT)


def check(number):
    service = services[(number + 1) % len(services)]
    items = service.GetCart(
        api.GetShoppingCart(user_id=f"user-{number}"), timeout=TIMEOUT
    ).items
    found = [(item.product_id, item.quantity) for item in items]
    assert found == [("a", 3), ("b", number + 1)], (number, found)


with ThreadPoolExecutor(max_workers=clients) as pool:
    for _ in pool.map(fill if mode == "fill" else check, range(carts)):
        pass
print("ok")
