"""Drives the server under test from grpcio: python grpcio_client.py HOST:PORT

Prints one line for each check that passed, and "all checks passed" at the end. Messages are raw
bytes, so no generated code is needed.
"""

import sys
import threading
import time

import grpc

PATH = "/test.Test/"


def unary(channel, method, message, **options):
    return channel.unary_unary(PATH + method)(message, timeout=options.pop("timeout", 20), **options)


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def expect_error(code, call):
    try:
        call()
    except grpc.RpcError as error:
        expect(error.code() == code, f"{error.code()} {error.details()} instead of {code}")
        return error
    raise AssertionError(f"succeeded instead of {code}")


def check_unary(channel):
    for size in (0, 1, 100, 70_000, 4 << 20):
        message = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        expect(unary(channel, "Unary", message) == message, f"echo of {size} bytes")


def check_server_stream(channel):
    sizes = [len(m) for m in channel.unary_stream(PATH + "ServerStream")(b"500 1000", timeout=20)]
    expect(sizes == [1000] * 500, "500 messages of 1000 bytes")


def check_client_stream(channel):
    answer = channel.stream_unary(PATH + "ClientStream")(iter([b"x"] * 300), timeout=20)
    expect(answer == b"300", "count of 300 messages")


def check_bidirectional(channel):
    turn = threading.Semaphore(1)

    def requests():
        for index in range(100):
            turn.acquire()
            yield b"%d" % index

    count = 0
    for reply in channel.stream_stream(PATH + "Bidi")(requests(), timeout=20):
        expect(reply == b"%d" % count, "replies in order")
        count += 1
        turn.release()
    expect(count == 100, "100 turns")


def check_gzip(channel):
    message = b"compress me " * 10_000
    options = {"compression": grpc.Compression.Gzip}
    expect(unary(channel, "Unary", message, **options) == message, "gzip both ways")


def check_status(channel):
    error = expect_error(
        grpc.StatusCode.FAILED_PRECONDITION, lambda: unary(channel, "Fail", b"")
    )
    expect(error.details() == "50% – nein\n", "percent-encoded message")
    trailers = dict(error.trailing_metadata())
    expect(trailers["x-detail"] == "42", "trailer")
    expect(trailers["grpc-status-details-bin"] == b"\x00\x01\x02", "binary trailer")


def check_unknown_method(channel):
    error = expect_error(
        grpc.StatusCode.UNIMPLEMENTED, lambda: unary(channel, "Nothing", b"")
    )
    expect("unknown method /test.Test/Nothing" in error.details(), "the method is named")


def check_deadline(channel):
    start = time.monotonic()
    expect_error(
        grpc.StatusCode.DEADLINE_EXCEEDED, lambda: unary(channel, "Never", b"", timeout=0.2)
    )
    expect(time.monotonic() - start < 5, "in time")


def check_cancel(channel):
    call = channel.stream_stream(PATH + "Bidi")(iter(lambda: time.sleep(0.01) or b"x", None))
    expect(next(call) == b"x", "the call is up")
    call.cancel()
    expect_error(grpc.StatusCode.CANCELLED, lambda: [None for _ in call])


def check_early_answer(channel):
    for _ in range(20):
        replies = channel.stream_stream(PATH + "Early")(iter(lambda: b"x", None), timeout=20)
        expect(list(replies) == [], "ended with OK while the requests go on")


def check_metadata(channel):
    sent = (("x-text", "a"), ("x-data-bin", bytes(range(256))), ("x-text", "b"))
    _, call = channel.unary_unary(PATH + "Metadata").with_call(b"", metadata=sent, timeout=20)
    for received in (call.initial_metadata(), call.trailing_metadata()):
        pairs = [pair for pair in received if pair[0].startswith("x-")]
        expect(sorted(pairs) == sorted(sent), f"{pairs}")


def check_too_large(channel):
    expect_error(
        grpc.StatusCode.RESOURCE_EXHAUSTED, lambda: unary(channel, "Unary", b"x" * (13 << 20))
    )
    expect(unary(channel, "Unary", b"after") == b"after", "the connection survives")


def check_slow_reader(channel):
    replies = channel.unary_stream(PATH + "ServerStream")(b"500 16384", timeout=20)
    total = 0
    for index, message in enumerate(replies):
        if index == 0:
            time.sleep(0.5)
        total += len(message)
    expect(total == 500 * 16384, "everything arrives")


def check_200_streams(channel):
    stop = threading.Event()

    def requests(index):
        yield b"%d" % index
        stop.wait(20)

    calls = [
        channel.stream_stream(PATH + "Bidi")(requests(index), timeout=30) for index in range(200)
    ]
    for index, call in enumerate(calls):
        expect(next(call) == b"%d" % index, f"stream {index}")
    stop.set()
    for call in calls:
        expect(list(call) == [], "ended")


def check_many_calls(channel):
    method = channel.unary_unary(PATH + "Unary")
    for round_ in range(10):
        futures = [method.future(b"%d" % index, timeout=20) for index in range(100)]
        for index, future in enumerate(futures):
            expect(future.result() == b"%d" % index, "answer")


def main():
    options = [
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1),
    ]
    with grpc.insecure_channel(sys.argv[1], options=options) as channel:
        for name, check in list(globals().items()):
            if name.startswith("check_"):
                check(channel)
                print("passed", name, flush=True)
    print("all checks passed", flush=True)


main()
