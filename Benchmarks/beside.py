"""Two builds of the bridge in turns, before the same upstream: whether a change has cost speed.

    .venv-bench/bin/python Benchmarks/beside.py NEW OLD UPSTREAM [--payload NAME] [--rounds N]

NEW and OLD are bridge-proxy programs of release builds, UPSTREAM is bench-upstream; the environment is
the one that scripts/bench.sh makes. Prints CPU per request (the median of the rounds) and the ratios
of the rounds: what they differ by among themselves is noise.
"""

import argparse
import pathlib
import statistics
import tempfile

import bench
import payloads


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("new", "old", "upstream"):
        parser.add_argument(name, type=pathlib.Path)
    parser.add_argument("--payload", action="append", help="only this one; may be repeated")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--warmup", type=int, default=1)
    return parser.parse_args()


def compare(proxies, payload, options, folder):
    costs = {name: [] for name in proxies}
    for number in range(options.rounds):
        # Each is the first one in every other round.
        for name in sorted(proxies, reverse=number % 2 == 1):
            measured = bench.measure(
                proxies[name], payload, options.connections, options, folder
            )
            costs[name].append(measured.cpu_microseconds)
    new, old = (statistics.median(costs[name]) for name in ("new", "old"))
    ratios = sorted(new / old for new, old in zip(costs["new"], costs["old"], strict=True))
    print(
        f"{payload.name}: {new:,.1f} µs CPU a request, {old:,.1f} before;"
        f" {new / old:.2f} of it, rounds between {ratios[0]:.2f} and {ratios[-1]:.2f}",
        flush=True,
    )


def main():
    options = parse_options()
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
            for name, program in (("new", options.new), ("old", options.old)):
                own = folder / name
                own.mkdir()
                proxies[name] = bench.start_bridge(program, descriptor_set, port, own)
                running.append(proxies[name])
            for payload in every:
                if payload.name in (options.payload or [payload.name]):
                    compare(proxies, payload, options, folder)
        finally:
            for process in running:
                process.end()


if __name__ == "__main__":
    main()
