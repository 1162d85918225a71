"""Two grpcio servers for the client under test. Prints "listening PORT PORT"; the second one
compresses its responses with gzip.

They have the methods of the tests' own service, as raw bytes.
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


async def start(compression):
    server = aio.server(
        options=[("grpc.max_receive_message_length", -1)], compression=compression
    )
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Metadata": grpc.unary_unary_rpc_method_handler(metadata),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
        "Never": grpc.unary_unary_rpc_method_handler(never),
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
    return server, port


async def main():
    plain, plain_port = await start(grpc.Compression.NoCompression)
    zipping, zipping_port = await start(grpc.Compression.Gzip)
    print("listening", plain_port, zipping_port, flush=True)
    await asyncio.gather(plain.wait_for_termination(), zipping.wait_for_termination())


asyncio.run(main())
