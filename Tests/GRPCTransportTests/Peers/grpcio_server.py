"""A grpcio server for the client under test. Prints "listening PORT".

It has the methods of the tests' own service, as raw bytes.
"""

import asyncio

import grpc
from grpc import aio


async def unary(request, context):
    return request


async def metadata(request, context):
    sent = [pair for pair in context.invocation_metadata() if pair[0].startswith("x-")]
    await context.send_initial_metadata(sent)
    context.set_trailing_metadata(sent)
    return request


async def fail(request, context):
    context.set_trailing_metadata([("x-detail", "42")])
    await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "50% – nein\n")


async def never(request, context):
    await asyncio.sleep(3600)


async def zipped(request, context):
    context.set_compression(grpc.Compression.Gzip)
    return b"compress me " * 10_000


async def server_stream(request, context):
    count, size = map(int, request.split())
    for index in range(count):
        yield bytes([index % 256]) * size


async def client_stream(requests, context):
    count = 0
    async for _ in requests:
        count += 1
    return b"%d" % count


async def bidirectional(requests, context):
    async for request in requests:
        yield request


async def early(requests, context):
    async for _ in requests:
        return
        yield


async def main():
    server = aio.server(options=[("grpc.max_receive_message_length", -1)])
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Metadata": grpc.unary_unary_rpc_method_handler(metadata),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
        "Never": grpc.unary_unary_rpc_method_handler(never),
        "Zipped": grpc.unary_unary_rpc_method_handler(zipped),
        "ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
        "ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
        "Bidi": grpc.stream_stream_rpc_method_handler(bidirectional),
        "Early": grpc.stream_stream_rpc_method_handler(early),
    }
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("test.Test", handlers),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print("listening", port, flush=True)
    await server.wait_for_termination()


asyncio.run(main())
