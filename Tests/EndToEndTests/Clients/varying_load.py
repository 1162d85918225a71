"""As many clients as a file says, each sending one command after the other.

usage: varying_load.py CLIENTS-FILE LOG-FILE ADDRESS...

CLIENTS-FILE holds a number and is read ten times a second; the program ends when it holds "end". LOG-FILE gets one line of
JSON each second: time, clients, commands answered, failures, and latencies in milliseconds (median and 95th of a
hundred). Commands are sent to the addresses in turn and are never repeated: a failure is a failure. At the end it prints
the sum and the first failures, and reads each cart to see that every acknowledged item is there.
"""

import json
import sys
import threading
import time

import grpc
from shoppingcart import shoppingcart_pb2 as api
from shoppingcart import shoppingcart_pb2_grpc as stubs

clients_path, log_path, addresses = sys.argv[1], sys.argv[2], sys.argv[3:]
MAXIMUM, CARTS, TIMEOUT = 128, 48, 30
services = [stubs.ShoppingCartStub(grpc.insecure_channel(address)) for address in addresses]
lock = threading.Lock()
wanted, is_over = 0, False
latencies, failures, sent = [], [], 0
acknowledged = [0] * CARTS


def work(index):
    global sent
    number = index
    while not is_over:
        if index >= wanted:
            time.sleep(0.02)
            continue
        number += 1
        cart = (index * 7 + number) % CARTS
        service = services[number % len(services)]
        start = time.monotonic()
        try:
            if number % 2:
                service.AddItem(
                    api.AddLineItem(user_id=f"u{cart}", product_id="p", name="P", quantity=1),
                    timeout=TIMEOUT,
                )
                with lock:
                    acknowledged[cart] += 1
            else:
                service.GetCart(api.GetShoppingCart(user_id=f"u{cart}"), timeout=TIMEOUT)
            with lock:
                sent += 1
                latencies.append(time.monotonic() - start)
        except grpc.RpcError as error:
            with lock:
                failures.append(f"u{cart}: {error.code().name}: {error.details()}")


threads = [threading.Thread(target=work, args=(index,)) for index in range(MAXIMUM)]
for thread in threads:
    thread.start()
known_failures, due = 0, time.monotonic() + 1
with open(log_path, "w") as log:
    print("working", flush=True)
    while True:
        with open(clients_path) as file:
            text = file.read().strip()
        if text == "end":
            break
        wanted = min(MAXIMUM, int(text)) if text else wanted
        time.sleep(0.1)
        if time.monotonic() < due:
            continue
        due += 1
        with lock:
            sample, latencies = sorted(latencies), []
            new_failures, known_failures = len(failures) - known_failures, len(failures)
        line = {"time": time.time(), "clients": wanted, "commands": len(sample), "failures": new_failures}
        if sample:
            line["median"] = round(sample[len(sample) // 2] * 1000, 2)
            line["p95"] = round(sample[len(sample) * 95 // 100] * 1000, 2)
        log.write(json.dumps(line) + "\n")
        log.flush()
is_over = True
for thread in threads:
    thread.join()
lost = []
for cart in range(CARTS):
    found = services[0].GetCart(api.GetShoppingCart(user_id=f"u{cart}"), timeout=TIMEOUT)
    count = found.items[0].quantity
    if count != acknowledged[cart]:
        lost.append(f"u{cart} has {count} items of {acknowledged[cart]}")
print(json.dumps({"sent": sent, "failures": failures[:20], "lost": lost}), flush=True)
sys.exit(1 if failures or lost else 0)
