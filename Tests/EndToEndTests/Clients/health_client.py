"""An independent client of gRPC health checking: grpcio, without stubs of this project.

usage: health_client.py ADDRESS check [SERVICE]    prints the state, or the code of the error
       health_client.py ADDRESS watch [SERVICE]    prints each state, and the code with which the watch ended
"""

import sys

import grpc

STATES = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"]


def request(service):
    """A HealthCheckRequest: its only field is a text with the number 1."""
    name = service.encode()
    return b"\x0a" + bytes([len(name)]) + name if name else b""


def state(response):
    """The state of a HealthCheckResponse: its only field is an enum with the number 1."""
    assert response == b"" or (len(response) == 2 and response[0] == 8), response
    return STATES[response[1] if response else 0]


address, command, *rest = sys.argv[1:]
wanted = request(rest[0] if rest else "")
channel = grpc.insecure_channel(address)
try:
    if command == "check":
        print(state(channel.unary_unary("/grpc.health.v1.Health/Check")(wanted, timeout=10)))
    else:
        for answer in channel.unary_stream("/grpc.health.v1.Health/Watch")(wanted):
            print(state(answer), flush=True)
except grpc.RpcError as error:
    print(error.code().name, flush=True)
