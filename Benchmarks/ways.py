"""What the ways to an endpoint cost: one build of the bridge in turns, before the same upstream.

    .venv-bench/bin/python Benchmarks/ways.py BRIDGE UPSTREAM [--payload NAME] [--rounds N]

BRIDGE is the bridge-proxy of a release build, UPSTREAM is bench-upstream. Prints CPU per request (the median
of the rounds), and the ratios to one endpoint alone round by round.
"""

import argparse
import pathlib
import statistics
import tempfile

import bench
import payloads


def ways(port):
    here, too = f"127.0.0.1:{port}", f"localhost:{port}"
    rule = [{"header": "x-canary", "to": "canary"}]
    return {
        "one endpoint": {"endpoint": here},
        "with retry": {"endpoint": here, "retry": {"attempts": 3}},
        "two endpoints": {"endpoint": {"static": [here, too]}},
        "two, with retry": {"endpoint": {"static": [here, too]}, "retry": {"attempts": 3}},
        "by least requests": {
            "endpoint": {"static": [here, too]}, "balance": "least_requests",
        },
        "with a rule": {"endpoint": here, "alternatives": {"canary": too}, "choose": rule},
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("bridge", "upstream"):
        parser.add_argument(name, type=pathlib.Path)
    parser.add_argument("--payload", action="append", help="only this one; may be repeated")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--warmup", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = pathlib.Path(name)
        descriptor_set = payloads.compile_descriptor_set(
            bench.REPOSITORY / "Protos" / "test", bench.REPOSITORY / "schemas", folder / "b.binpb"
        )
        every = payloads.build(descriptor_set)
        running = []
        try:
            upstream, port = bench.start_upstream(options.upstream, every, folder)
            running.append(upstream)
            proxies = {}
            for number, (way, settings) in enumerate(ways(port).items()):
                own = folder / str(number)
                own.mkdir()
                proxies[way] = bench.start_bridge(
                    options.bridge, descriptor_set, port, own, **settings
                )
                running.append(proxies[way])
            for payload in every:
                if payload.name in (options.payload or ["echo", "infer"]):
                    compare(proxies, payload, options, folder)
        finally:
            for process in running:
                process.end()


def compare(proxies, payload, options, folder):
    costs = {way: [] for way in proxies}
    names = list(proxies)
    for number in range(options.rounds):
        # Each is the first one in turn.
        for way in names[number % len(names) :] + names[: number % len(names)]:
            measured = bench.measure(proxies[way], payload, options.connections, options, folder)
            costs[way].append(measured.cpu_microseconds)
    base = costs[names[0]]
    for way in names:
        ratios = sorted(cost / alone for cost, alone in zip(costs[way], base, strict=True))
        print(
            f"{payload.name}, {way}: {statistics.median(costs[way]):,.1f} µs CPU a request, "
            f"{statistics.median(ratios):.2f} of one endpoint's, rounds between {ratios[0]:.2f} "
            f"and {ratios[-1]:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
