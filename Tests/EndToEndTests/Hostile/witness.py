"""An ordinary client that asks for a cart again and again, while others mean harm.

usage: witness.py ADDRESS SECONDS

Prints, as JSON, how many calls it made, how many failed, and how long they took in milliseconds.
"""

import json
import sys
import time

import grpc

address, seconds = sys.argv[1], float(sys.argv[2])
QUESTION = b"\x0a\x03ada"
channel = grpc.insecure_channel(address)
ask = channel.unary_unary("/com.example.shoppingcart.ShoppingCart/GetCart")
ask(QUESTION, timeout=20, wait_for_ready=True)
took, failed = [], 0
until = time.monotonic() + seconds
while time.monotonic() < until:
    begin = time.monotonic()
    try:
        ask(QUESTION, timeout=10)
        took.append((time.monotonic() - begin) * 1000)
    except grpc.RpcError as error:
        failed += 1
        print(error, file=sys.stderr)
took.sort()


def at(fraction):
    return round(took[min(len(took) - 1, int(len(took) * fraction))], 2) if took else None


print(json.dumps({
    "calls": len(took) + failed, "failed": failed, "p50": at(0.5), "p99": at(0.99),
    "max": at(1)}))
