"""Several bridges in turns before the same upstream: what `beside.py` and `ways.py` share."""

import argparse
import pathlib
import tempfile

import bench
import payloads


def parse_options(description, programs, rounds):
    """The command line: paths of `programs`, and how long to measure what."""
    parser = argparse.ArgumentParser(description=description)
    for name in programs:
        parser.add_argument(name, type=pathlib.Path)
    parser.add_argument("--payload", action="append", help="only this one; may be repeated")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--warmup", type=int, default=1)
    return parser.parse_args()


def measure(options, usual, bridges):
    """CPU of a request in microseconds, round by round: yields each payload's name and {bridge: [cost, ...]}.

    `usual` names the payloads where the command line doesn't, none for all; `bridges` takes the upstream's
    port and gives {name: (program, settings of its service)}.
    """
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
            for number, (name, (program, settings)) in enumerate(bridges(port).items()):
                own = folder / str(number)
                own.mkdir()
                proxies[name] = bench.start_bridge(program, descriptor_set, port, own, **settings)
                running.append(proxies[name])
            chosen = options.payload or usual or [payload.name for payload in every]
            for payload in every:
                if payload.name in chosen:
                    yield payload.name, costs(proxies, payload, options, folder)
        finally:
            for process in running:
                process.end()


def costs(proxies, payload, options, folder):
    found = {name: [] for name in proxies}
    names = list(proxies)
    for number in range(options.rounds):
        # Each is the first one in turn.
        first = number % len(names)
        for name in names[first:] + names[:first]:
            measured = bench.measure(proxies[name], payload, options.connections, options, folder)
            found[name].append(measured.cpu_microseconds)
    return found
