"""Measures what the bridge takes besides CPU, beside Envoy: size, start, and resident memory.

    .venv-bench/bin/python Benchmarks/footprint.py BRIDGE UPSTREAM [--peer bridge]

BRIDGE is the released program, UPSTREAM is bench-upstream; the environment is the one that scripts/bench.sh
creates. Prints one table. Memory is the resident set (VmRSS): the part of it that isn't backed by files is in
brackets.
"""

import argparse
import gzip
import pathlib
import re
import resource
import socket
import statistics
import tempfile
import time

import bench
import payloads

STARTS = 15
IDLE_SECONDS = 2
TENSOR_CONNECTIONS = 64
TENSOR_SECONDS = 5
REST_SECONDS = 10
CLIENTS = 9_500


def main():
    options = parse_options()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < CLIENTS + 500:
        raise bench.Failure(f"{CLIENTS} clients need more open files than the {hard} that are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = pathlib.Path(name)
        descriptor_set = payloads.compile_descriptor_set(
            bench.REPOSITORY / "Protos" / "test", bench.REPOSITORY / "schemas", folder / "b.binpb"
        )
        every = {payload.name: payload for payload in payloads.build(descriptor_set)}
        upstream, port = bench.start_upstream(options.upstream, every.values(), folder)
        starters = {"bridge": (bench.start_bridge, options.bridge), "envoy": (bench.start_envoy, options.envoy)}
        try:
            columns = {
                peer: column(start, program, descriptor_set, port, folder, every)
                for peer, (start, program) in starters.items()
                if options.peer in (None, peer)
            }
        finally:
            upstream.end()
    print(table(columns))


def column(start, program, descriptor_set, port, folder, every):
    content = pathlib.Path(program).read_bytes()
    found = {
        "program": mebibytes(len(content)),
        "program, gzip -9": mebibytes(len(gzip.compress(content, 9))),
    }
    times = []
    for _ in range(STARTS):
        begun = time.monotonic()
        proxy = start(program, descriptor_set, port, folder)
        try:
            first_response(proxy, every["echo"])
            times.append(time.monotonic() - begun)
        finally:
            proxy.end()
    found["start to first response"] = f"{statistics.median(times) * 1000:.0f} ms"
    proxy = start(program, descriptor_set, port, folder)
    try:
        bench.listens(proxy)
        time.sleep(IDLE_SECONDS)
        found["memory, idle"] = memory(proxy)
        bench.drive(proxy, every["infer"], TENSOR_CONNECTIONS, TENSOR_SECONDS, folder)
        found[f"memory, {TENSOR_CONNECTIONS} tensors in flight"] = memory(proxy)
        time.sleep(REST_SECONDS)
        found[f"memory, {REST_SECONDS} s later"] = memory(proxy)
    finally:
        proxy.end()
    proxy = start(program, descriptor_set, port, folder)
    clients = []
    try:
        bench.listens(proxy)
        host, port_of_proxy = re.match(r"http://([\d.]+):(\d+)$", proxy.url).groups()
        for _ in range(CLIENTS):
            clients.append(socket.create_connection((host, int(port_of_proxy)), 20))
        time.sleep(IDLE_SECONDS)
        found[f"memory, {CLIENTS:,} clients"] = memory(proxy)
        request = (
            f"{every['echo'].method} {every['echo'].target} HTTP/1.1\r\nhost: {host}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(every['echo'].body)}\r\n\r\n"
        ).encode() + every["echo"].body
        for client in clients:
            client.sendall(request)
            if b" 200 " not in client.recv(1 << 16).split(b"\r\n")[0]:
                raise bench.Failure(f"{proxy.name} refused one of many clients\n{proxy.report()}")
        found["memory, after one request of each"] = memory(proxy)
    finally:
        for client in clients:
            client.close()
        proxy.end()
    return found


def first_response(proxy, payload):
    """Sends a request as soon as the proxy accepts connections."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and proxy.is_running():
        try:
            bench.fetch(proxy, payload)
            return
        except OSError:
            time.sleep(0.001)
    raise bench.Failure(f"{proxy.name} did not start\n{proxy.report()}")


def memory(proxy):
    total, own = proxy.memory()
    return f"{total:.1f} MiB ({own:.1f})"


def mebibytes(count):
    return f"{count / (1 << 20):.1f} MiB"


def table(columns):
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "--:|" * len(columns)]
    for key in next(iter(columns.values())):
        lines.append(f"| {key} | " + " | ".join(each[key] for each in columns.values()) + " |")
    return "\n".join(lines)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("bridge")
    parser.add_argument("upstream")
    bench.add_peer_options(parser)
    return bench.with_envoy(parser.parse_args())


if __name__ == "__main__":
    main()
