"""An independent client of the shopping cart: generated stubs, grpcio, and reflection.

usage: cart_client.py ADDRESS...    one of them gets each command; all must give the same cart
"""

import sys

import grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from shoppingcart import shoppingcart_pb2 as api
from shoppingcart import shoppingcart_pb2_grpc as stubs

SERVICE = "com.example.shoppingcart.ShoppingCart"
REFLECTION = "grpc.reflection.v1alpha.ServerReflection"

channels = [grpc.insecure_channel(address) for address in sys.argv[1:]]
carts = [stubs.ShoppingCartStub(channel) for channel in channels]

for number in range(30):
    carts[number % len(carts)].AddItem(
        api.AddLineItem(
            user_id="python", product_id=f"p{number % 5}", name=f"P{number % 5}", quantity=1
        ),
        timeout=10,
    )
carts[0].RemoveItem(api.RemoveLineItem(user_id="python", product_id="p4"), timeout=10)

expected = {f"p{number}": 6 for number in range(4)}
for cart in carts:
    items = cart.GetCart(api.GetShoppingCart(user_id="python"), timeout=10).items
    assert {item.product_id: item.quantity for item in items} == expected, items

try:
    carts[0].RemoveItem(api.RemoveLineItem(user_id="python", product_id="p4"), timeout=10)
    raise AssertionError("removing twice must fail")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.UNKNOWN, error
    assert "not in the cart" in error.details(), error

try:
    carts[0].GetCart(api.GetShoppingCart(user_id=""), timeout=10)
    raise AssertionError("an empty key must fail")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error

try:
    channels[0].unary_unary(f"/{SERVICE}/Nothing")(b"", timeout=10)
    raise AssertionError("an unknown method must fail")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error

for channel in channels:
    reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
    answers = list(
        reflection.ServerReflectionInfo(
            iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=10
        )
    )
    names = [service.name for service in answers[0].list_services_response.service]
    assert names == [REFLECTION, SERVICE], names

print("ok")
