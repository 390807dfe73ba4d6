"""Fixtures: the types, the codec's process, reproducible random messages.

DIFFERENTIAL_COUNT is the number of messages of each type in each test, DIFFERENTIAL_SEED the seed of the
first, for longer runs and to reproduce a failure, which prints both. A seed always results in the same
messages and the same changes to them.
"""

import os
import pathlib
import random
import subprocess

import pytest
from random_messages import Maker
from support.codec import Codec
from support.judge import Judge
from support.schemas import PACKABLE, REPOSITORY, TYPES, Types, compile_types

SEED = int(os.environ.get("DIFFERENTIAL_SEED", "1"))
COUNT = int(os.environ.get("DIFFERENTIAL_COUNT", "25"))


@pytest.fixture(scope="session")
def folder():
    """The folder for the files that the tests write."""
    folder = REPOSITORY / ".build/differential"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def descriptor_set(folder):
    subprocess.run([REPOSITORY / "scripts/conformance-runner.sh"], check=True)
    path = folder / "types.binpb"
    compile_types(path)
    return path


@pytest.fixture(scope="session")
def types(descriptor_set):
    return Types(descriptor_set)


@pytest.fixture(scope="session")
def judge(types):
    return Judge(types)


@pytest.fixture(scope="session")
def start_codec(types, descriptor_set, folder):
    """Returns a process of the codec, shared by tests with the same options:
    `start_codec("--proto-names")`."""
    program = os.environ.get(
        "CONFORMANCE_TESTEE", REPOSITORY / ".build/debug/conformance-testee"
    )
    started = {}

    def start(*options):
        if options not in started:
            codec = Codec(pathlib.Path(program), descriptor_set, types, folder, options)
            started[options] = codec
        return started[options]

    yield start
    for codec in started.values():
        codec.stop()


@pytest.fixture(scope="session")
def codec(start_codec):
    """The process shared by most tests."""
    return start_codec()


class Case:
    """One random message. Within `with case:` a failure prints how to reproduce it, and the noted
    inputs."""

    def __init__(self, test, name, seed, types):
        self.test = test
        self.name = name
        self.seed = seed
        self.types = types
        # The same for every test, so that all check the same messages; other randomness depends on the test.
        maker = random.Random(f"{seed} {name}")
        density = maker.choice([0.02, 0.1, 0.3, 0.6])
        packable = [types[each] for each in PACKABLE]
        self.make = lambda: Maker(maker, density=density, packable=packable).fill(
            types[name]()
        )
        self.random = random.Random(f"{seed} {name} {test}")
        self.inputs = {}

    def note(self, **inputs):
        """Keeps an input for a failure; replaces the previous one of that name."""
        self.inputs.update(inputs)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is not None:
            again = f"DIFFERENTIAL_SEED={self.seed} DIFFERENTIAL_COUNT=1"
            error.add_note(f"{self.name}, reproduce with {again} and -k {self.test!r}")
            for name, value in self.inputs.items():
                error.add_note(f"{name}: {self.shown(name, value)}")

    def shown(self, name, value):
        """An input as text; written to a file if it's long."""
        text = value if isinstance(value, str) else repr(value)
        if isinstance(value, bytes) and name == "wire":
            text = value.hex()
        if len(text) < 1500:
            return text
        path = REPOSITORY / f".build/differential/{self.test}-{self.name}-{self.seed}.{name}"
        path.write_bytes(value if isinstance(value, bytes) else text.encode())
        return f"{text[:200]}… (all of it: {path.relative_to(REPOSITORY)})"


@pytest.fixture(params=TYPES)
def cases(request, types):
    """The requested number of random messages of one type."""
    test = request.node.originalname
    return (Case(test, request.param, SEED + index, types) for index in range(COUNT))
