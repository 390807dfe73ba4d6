"""Compares the costs of ways to reach an endpoint: one build of the bridge, with the same upstream.

    .venv-bench/bin/python Benchmarks/ways.py BRIDGE UPSTREAM [--payload NAME] [--rounds N]

BRIDGE is the bridge-proxy of a release build, UPSTREAM is bench-upstream. Prints CPU per request (the
median of the rounds), and the ratios to a single endpoint round by round.
"""

import statistics

import turns


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
    options = turns.parse_options(__doc__.split("\n")[0], ("bridge", "upstream"), rounds=6)

    def bridges(port):
        return {way: (options.bridge, settings) for way, settings in ways(port).items()}

    for payload, costs in turns.measure(options, ["echo", "infer"], bridges):
        base = next(iter(costs.values()))
        for way, own in costs.items():
            ratios = sorted(cost / alone for cost, alone in zip(own, base, strict=True))
            print(
                f"{payload}, {way}: {statistics.median(own):,.1f} µs CPU a request, "
                f"{statistics.median(ratios):.2f} of one endpoint's, rounds between "
                f"{ratios[0]:.2f} and {ratios[-1]:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
