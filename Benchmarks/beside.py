"""Compares the performance of two builds of the bridge, measured alternately with the same upstream.

    .venv-bench/bin/python Benchmarks/beside.py NEW OLD UPSTREAM [--payload NAME] [--rounds N]
    .venv-bench/bin/python Benchmarks/beside.py NEW OLD UPSTREAM --http2 20000   by h2load (nghttp2-client)

NEW and OLD are bridge-proxy programs of release builds, UPSTREAM is bench-upstream; the environment is
the one that scripts/bench.sh creates. Prints CPU per request (the median of the rounds) and the ratios of
the rounds, whose spread is noise.
"""

import statistics

import turns


def main():
    options = turns.parse_options(__doc__.split("\n")[0], ("new", "old", "upstream"), rounds=8)

    def bridges(_):
        return {"new": (options.new, {}), "old": (options.old, {})}

    for payload, costs in turns.measure(options, None, bridges):
        new, old = (statistics.median(costs[name]) for name in ("new", "old"))
        ratios = sorted(new / old for new, old in zip(costs["new"], costs["old"], strict=True))
        print(
            f"{payload}: {new:,.1f} µs CPU a request, {old:,.1f} before;"
            f" {new / old:.2f} of it, rounds between {ratios[0]:.2f} and {ratios[-1]:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
