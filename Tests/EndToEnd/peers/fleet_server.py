"""One of several equivalent gRPC servers: EchoService and grpc.health.v1, by grpc.aio.

    fleet_server.py GENERATED_FOLDER NAME [--host IP] [--port N | --unix PATH] [--grace SECONDS] [--delay SECONDS]
        [--bare]

Prints the port that it listens on. Its replies carry `x-server: NAME` in their metadata, and `x-attempt`
with the client's number of earlier attempts. SIGTERM drains it: GOAWAY, and calls in flight get the grace.
`--bare` echoes bytes without parsing them or adding metadata, for high rates. SIGUSR1 makes its health
NOT_SERVING, SIGUSR2 SERVING again.
"""

import argparse
import asyncio
import signal
import sys

parser = argparse.ArgumentParser()
parser.add_argument("generated")
parser.add_argument("name")
parser.add_argument("--host", default="127.0.0.1")
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--unix")
parser.add_argument("--grace", type=float, default=5)
parser.add_argument("--delay", type=float, default=0)
parser.add_argument("--bare", action="store_true")
ARGUMENTS = parser.parse_args()
sys.path.insert(0, ARGUMENTS.generated)

import echo_pb2  # noqa: E402
import echo_pb2_grpc  # noqa: E402
import grpc  # noqa: E402
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # noqa: E402


class Echo(echo_pb2_grpc.EchoServiceServicer):
    async def Echo(self, request, context):
        metadata = dict(context.invocation_metadata())
        if ARGUMENTS.delay:
            await asyncio.sleep(ARGUMENTS.delay)
        if request.key == "fail":
            await context.abort(grpc.StatusCode.UNAVAILABLE, f"not here, on {ARGUMENTS.name}")
        attempt = metadata.get("grpc-previous-rpc-attempts", "0")
        await context.send_initial_metadata(
            (("x-server", ARGUMENTS.name), ("x-attempt", attempt))
        )
        return request


async def echo_bytes(request, context):
    return request


def bare():
    name = echo_pb2.DESCRIPTOR.services_by_name["EchoService"].full_name
    handler = grpc.unary_unary_rpc_method_handler(echo_bytes)
    return grpc.method_handlers_generic_handler(name, {"Echo": handler})


async def main():
    server = grpc.aio.server()
    if ARGUMENTS.bare:
        server.add_generic_rpc_handlers((bare(),))
    else:
        echo_pb2_grpc.add_EchoServiceServicer_to_server(Echo(), server)
    state = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(state, server)
    where = f"unix:{ARGUMENTS.unix}" if ARGUMENTS.unix else f"{ARGUMENTS.host}:{ARGUMENTS.port}"
    port = server.add_insecure_port(where)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    status = health_pb2.HealthCheckResponse
    for number, value in (
        (signal.SIGUSR1, status.NOT_SERVING),
        (signal.SIGUSR2, status.SERVING),
    ):
        loop.add_signal_handler(
            number, lambda value=value: asyncio.ensure_future(state.set("", value))
        )
    await server.start()
    print(port, flush=True)
    await stop.wait()
    await server.stop(ARGUMENTS.grace)


asyncio.run(main())
