"""A user of the chat's presence, without generated code: the messages have one field each.

usage: presence_client.py WATCHED CONNECTED    two nodes: one tells what changes through the other

Prints what the first says of the user, who connects twice to the second and leaves again.
"""

import sys

import grpc

watched, connected = (grpc.insecure_channel(address) for address in sys.argv[1:])


def call(channel, method):
    user = b"\x0a\x03ada"
    stub = channel.unary_stream(f"/cloudstate.samples.chat.presence.Presence/{method}")
    return stub(user, timeout=30, wait_for_ready=True)


statuses = (status == b"\x08\x01" for status in call(watched, "Monitor"))
print(next(statuses))
phone = call(connected, "Connect")
print(next(statuses))
laptop = call(connected, "Connect")
# Seen by the node before the phone goes away: its own answers come in the order of its calls.
print(next(call(connected, "Monitor")) == b"\x08\x01")
phone.cancel()
print(next(call(connected, "Monitor")) == b"\x08\x01")
laptop.cancel()
print(next(statuses))
