"""Calls the services of kinds_function.py through a node.

usage: kinds_client.py STUBS_FOLDER ADDRESS SCENARIO

Prints what a scenario saw, one line each.
"""

import queue
import sys

stubs, address, scenario = sys.argv[1:]
sys.path.insert(0, stubs)

import grpc  # noqa: E402
import kinds_pb2  # noqa: E402
import kinds_pb2_grpc  # noqa: E402

channel = grpc.insecure_channel(address)
values = kinds_pb2_grpc.ValuesStub(channel)
journal = kinds_pb2_grpc.JournalStub(channel)
relay = kinds_pb2_grpc.RelayStub(channel)


def request(text="", id="a", effects=(), forward=""):
    return kinds_pb2.Request(id=id, text=text, effects=effects, forward=forward)


def show(call):
    try:
        print(call().text)
    except grpc.RpcError as error:
        print(f"{error.code().name}: {error.details()}")


def one(method, message, **options):
    show(lambda: method(message, timeout=30, wait_for_ready=True, **options))


def many(call):
    try:
        for answer in call:
            print(answer.text)
        print("end")
    except grpc.RpcError as error:
        print(f"{error.code().name}: {error.details()}")


def set_values():
    one(values.Get, request())
    one(values.Set, request("first"))
    one(values.Set, request("second"))
    one(values.Set, request("other", id="b"))
    one(values.Delete, request(id="b"))


def read_values():
    one(values.Get, request())
    one(values.Get, request(id="b"))
    one(values.Set, request("again", id="b"))
    one(values.Get, request(id="b"))
    one(values.Set, request("refuse"))
    one(values.Break, request())
    one(values.Get, request())


def chains():
    one(relay.One, request("x", id="f", forward="Journal/Append"))
    one(journal.Append, request("y", id="f", effects=["!Values/Set", "Relay/One"]))
    one(values.Get, request(id="f"))
    one(relay.One, request("z", id="f", effects=["!Nowhere/None", "!Journal/None", "!Values/Break"]))
    one(relay.One, request("z", id="f", forward="Nowhere/None"))
    one(relay.One, request("z", id="f", forward="Relay/One"))
    one(relay.One, request("refuse", id="f"))
    one(relay.One, request("abort", id="f"))


def keys():
    for _ in range(2):
        one(journal.Append, request("once", id="k", effects=["!Journal/Append"]),
            metadata=[("idempotency-key", "a-key")])
    one(journal.Read, request(id="k"))


def streams():
    show(lambda: relay.In(iter([request("a"), request("b")]), timeout=30))
    many(relay.Out(request("a,b,refuse,c"), timeout=30))
    many(relay.Out(request("p,q", id="s", forward="Journal/Append"), timeout=30))
    many(relay.Both(iter([request("a"), request("b")]), timeout=30))
    answer, call = relay.One.with_call(
        request("metadata"), timeout=30,
        metadata=[("x-color", "red"), ("x-raw-bin", b"\x01\xff")])
    print(answer.text, dict(call.initial_metadata()).get("x-answer"))
    # Each answer is asked for by the one before it, and the last request is never sent.
    requests = queue.Queue()
    requests.put(request("1"))
    call = relay.Both(iter(requests.get, None), timeout=30)
    for number in range(2, 5):
        print(next(call).text)
        requests.put(request(str(number)))
    call.cancel()
    # Many messages, more than any window holds.
    count = sum(1 for _ in relay.Both((request("x" * 10_000) for _ in range(2_000)), timeout=60))
    print(count)


def sizes():
    """Compressed, large, and too large."""
    unbounded = [("grpc.max_receive_message_length", -1)]
    for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
        with grpc.insecure_channel(address, unbounded, compression) as other:
            stub = kinds_pb2_grpc.RelayStub(other)
            for length in (100_000, 11_000_000):
                print(len(stub.One(request("x" * length), timeout=60).text))
            answers = stub.Both((request("y" * 100_000) for _ in range(50)), timeout=60)
            print(sum(len(answer.text) for answer in answers))
            try:
                stub.One(request("x" * 13_000_000), timeout=60)
                print("was taken")
            except grpc.RpcError as error:
                print(error.code().name)
    one(relay.One, request("still there"))


def deadlines():
    left = float(relay.One(request("remaining"), timeout=25).text)
    print(0 < left <= 25)
    try:
        relay.One(request("wait"), timeout=1)
    except grpc.RpcError as error:
        print(error.code().name)


def cancellation():
    call = relay.Out(request("1,wait"), timeout=60)
    print(next(call).text)
    call.cancel()
    many(call)


globals()[scenario]()
