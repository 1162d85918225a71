"""Clients that write and read while nodes die, stop and move their shards.

usage: failover_client.py REPORT STOP-FILE ADDRESS...

Each worker has carts of its own. It adds a product with an idempotency key, again and again until it is acknowledged,
and then reads the cart by any node: everything acknowledged must be there, whoever answers. Works until STOP-FILE
exists, then writes REPORT as JSON: acknowledged products by cart, stale answers, the longest time for which a cart was
out of reach, and what was refused for good.
"""

import json
import os
import random
import sys
import threading
import time
import uuid

import grpc
from shoppingcart import shoppingcart_pb2 as api
from shoppingcart import shoppingcart_pb2_grpc as stubs

report_path, stop_path, addresses = sys.argv[1], sys.argv[2], sys.argv[3:]
WORKERS = 12
CARTS = 4
LIMIT = 60
lock = threading.Lock()
acknowledged, stale, refused = {}, [], []
longest = {}
counts = {"adds": 0, "gets": 0, "retries": 0}
options = [
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
    ("grpc.use_local_subchannel_pool", 1),
]
REPEAT = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
)


def is_over():
    return os.path.exists(stop_path)


class Worker(threading.Thread):
    def __init__(self, number):
        super().__init__()
        self.number = number
        self.random = random.Random(number)
        self.carts = [
            stubs.ShoppingCartStub(grpc.insecure_channel(address, options=options))
            for address in addresses
        ]
        self.expected = {f"w{number}-{cart}": [] for cart in range(CARTS)}

    def attempt(self, user, call):
        """Repeats a call at any node until it is answered; answers None if it was refused for good."""
        begin = time.monotonic()
        while True:
            try:
                answer = call(self.random.choice(self.carts))
                took = time.monotonic() - begin
                with lock:
                    longest[user] = max(longest.get(user, 0), took)
                return answer
            except grpc.RpcError as error:
                with lock:
                    counts["retries"] += 1
                if error.code() not in REPEAT or time.monotonic() - begin > LIMIT:
                    with lock:
                        refused.append(f"{user} {error.code()} {error.details()}")
                    return None
                time.sleep(0.01)

    def run(self):
        number = 0
        while not is_over():
            number += 1
            user = f"w{self.number}-{number % CARTS}"
            product = f"{user}-{number}"
            key = (("idempotency-key", str(uuid.uuid4())),)
            line = api.AddLineItem(user_id=user, product_id=product, name="P", quantity=1)
            if self.attempt(user, lambda cart: cart.AddItem(line, timeout=3, metadata=key)) is None:
                continue
            self.expected[user].append(product)
            get = api.GetShoppingCart(user_id=user)
            answer = self.attempt(user, lambda cart: cart.GetCart(get, timeout=3))
            if answer is None:
                continue
            there = {item.product_id for item in answer.items}
            missing = [product for product in self.expected[user] if product not in there]
            with lock:
                counts["adds"] += 1
                counts["gets"] += 1
                if missing:
                    stale.append(f"{user} lacks {missing[:3]} of {len(self.expected[user])}")
        with lock:
            acknowledged.update(self.expected)


workers = [Worker(number) for number in range(WORKERS)]
for worker in workers:
    worker.start()
print("working", flush=True)
for worker in workers:
    worker.join()
with open(report_path, "w") as file:
    json.dump(
        {
            "acknowledged": acknowledged,
            "stale": stale,
            "refused": refused,
            "longest": max(longest.values(), default=0),
            "counts": counts,
        },
        file,
    )
