"""Clients that retry, over nodes that are restarted one after the other.

usage: restart_client.py REPORT STOP-FILE ADDRESS...

Works until STOP-FILE exists, then writes REPORT as JSON: the products of acknowledged commands and every
request that failed for its caller, after all retries. Four ways at once:

channel    one grpcio channel to all addresses, round_robin, with the retry policy of gRPC's service config
           (UNAVAILABLE, at most five attempts); commands have idempotency keys
loop       a channel to each address and a loop that repeats UNAVAILABLE at the next; commands have keys
careful    the same without keys: it repeats only what is known not to have been started, by cs-error, and takes
           everything else for a failure
http       HTTP/1.1 connections that are kept open; repeats 503 and broken connections; commands have keys
"""

import http.client
import json
import os
import sys
import threading
import time
import uuid

import grpc
from shoppingcart import shoppingcart_pb2 as api
from shoppingcart import shoppingcart_pb2_grpc as stubs

report_path, stop_path, addresses = sys.argv[1], sys.argv[2], sys.argv[3:]
CARTS = 40
LIMIT = 40
lock = threading.Lock()
acknowledged, failures, retries = {}, [], {}


def is_over():
    return os.path.exists(stop_path)


def done(way, product):
    with lock:
        acknowledged.setdefault(way, []).append(product)


def failed(way, text):
    with lock:
        failures.append(f"{way}: {text}")


def retried(way, why):
    with lock:
        retries.setdefault(way, {}).setdefault(why, 0)
        retries[way][why] += 1


def item(number, product):
    return api.AddLineItem(
        user_id=f"user-{number % CARTS}", product_id=product, name="P", quantity=1
    )


def key():
    return (("idempotency-key", str(uuid.uuid4())),)


def cs_error(error):
    return dict(error.trailing_metadata() or ()).get("cs-error", "")


def channel_way(worker):
    policy = {
        "loadBalancingConfig": [{"round_robin": {}}],
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 5,
                    "initialBackoff": "0.2s",
                    "maxBackoff": "2s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ],
    }
    channel = grpc.insecure_channel(
        "ipv4:" + ",".join(addresses),
        options=[
            ("grpc.service_config", json.dumps(policy)),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 500),
            ("grpc.use_local_subchannel_pool", 1),
        ],
    )
    cart = stubs.ShoppingCartStub(channel)
    number = 0
    while not is_over():
        number += 1
        product = f"channel-{worker}-{number}"
        try:
            cart.AddItem(item(number, product), timeout=LIMIT, metadata=key())
            done("channel", product)
            cart.GetCart(api.GetShoppingCart(user_id=f"user-{number % CARTS}"), timeout=LIMIT)
        except grpc.RpcError as error:
            failed("channel", f"{product} {error.code()} {error.details()} {cs_error(error)}")


def loop_way(worker, way):
    options = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)]
    carts = [
        stubs.ShoppingCartStub(grpc.insecure_channel(address, options=options))
        for address in addresses
    ]
    number = turn = worker
    while not is_over():
        number += 1
        product = f"{way}-{worker}-{number}"
        metadata = key() if way == "loop" else ()
        end = time.monotonic() + LIMIT
        while True:
            turn += 1
            try:
                carts[turn % len(carts)].AddItem(
                    item(number, product), timeout=LIMIT, metadata=metadata
                )
                done(way, product)
                break
            except grpc.RpcError as error:
                code = cs_error(error)
                text = f"{product} {error.code()} {error.details()} {code}"
                # Without a code the call did not reach a node, or its connection broke: in a stop by the rules
                # only the first can happen, and the journal will show it.
                unclear = way == "careful" and code not in ("", "shard-unavailable", "stopping")
                if error.code() != grpc.StatusCode.UNAVAILABLE or unclear:
                    failed(way, text)
                    break
                if time.monotonic() > end:
                    failed(way, f"no end: {text}")
                    break
                retried(way, code or error.details()[:40])
                time.sleep(0.02)


def http_way(worker):
    connections = {}
    number = turn = worker
    while not is_over():
        number += 1
        product = f"http-{worker}-{number}"
        headers = {"content-type": "application/json", "idempotency-key": str(uuid.uuid4())}
        body = json.dumps({"productId": product, "name": "P", "quantity": 1})
        end = time.monotonic() + LIMIT
        while True:
            turn += 1
            address = addresses[turn % len(addresses)]
            try:
                connection = connections.setdefault(
                    address, http.client.HTTPConnection(address, timeout=LIMIT)
                )
                connection.request("POST", f"/cart/user-{number % CARTS}/items/add", body, headers)
                response = connection.getresponse()
                text = response.read().decode()
                if response.status == 200:
                    done("http", product)
                    break
                why = f"{response.status} {response.headers.get('cs-error')}"
                if response.status != 503 or time.monotonic() > end:
                    failed("http", f"{product} {why} {text}")
                    break
            except (OSError, http.client.HTTPException) as error:
                connections.pop(address).close()
                why = type(error).__name__
                if time.monotonic() > end:
                    failed("http", f"{product} {error!r}")
                    break
            retried("http", why)
            time.sleep(0.02)


threads = [threading.Thread(target=channel_way, args=(worker,)) for worker in range(3)]
threads += [threading.Thread(target=loop_way, args=(worker, "loop")) for worker in range(3)]
threads += [threading.Thread(target=loop_way, args=(worker, "careful")) for worker in range(3)]
threads += [threading.Thread(target=http_way, args=(worker,)) for worker in range(3)]
for thread in threads:
    thread.start()
print("working", flush=True)
for thread in threads:
    thread.join()
with open(report_path, "w") as file:
    json.dump({"acknowledged": acknowledged, "failures": failures, "retries": retries}, file)
