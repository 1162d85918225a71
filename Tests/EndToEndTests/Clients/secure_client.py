"""A shopper by grpcio over TLS.

usage: secure_client.py ADDRESS AUTHORITY [CERTIFICATE KEY]

Prints "ok", or the status code of the call that failed.
"""

import sys

import grpc
from shoppingcart import shoppingcart_pb2 as api
from shoppingcart import shoppingcart_pb2_grpc as stubs


def content(path):
    with open(path, "rb") as file:
        return file.read()


address, authority, *mine = sys.argv[1:]
certificate, key = [content(path) for path in mine] or (None, None)
credentials = grpc.ssl_channel_credentials(content(authority), key, certificate)
with grpc.secure_channel(address, credentials) as channel:
    cart = stubs.ShoppingCartStub(channel)
    try:
        cart.AddItem(
            api.AddLineItem(user_id="secure", product_id="tea", name="Tea", quantity=1), timeout=10
        )
        items = cart.GetCart(api.GetShoppingCart(user_id="secure"), timeout=10).items
        assert [item.product_id for item in items] == ["tea"], items
        print("ok")
    except grpc.RpcError as error:
        print(error.code().name)
