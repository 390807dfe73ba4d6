"""Addresses."""

import socket


def free_port():
    """A port that was free a moment ago: for addresses without a listener (yet)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
