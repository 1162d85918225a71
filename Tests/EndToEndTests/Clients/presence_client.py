"""Holds one stream of the presence service open and prints what comes.

usage: presence_client.py ADDRESS METHOD USER
"""

import sys

from chat_client import Node

address, method, user = sys.argv[1:]
for message in Node(address).method("presence.Presence", method)(name=user):
    print(getattr(message, "online", ""), flush=True)
