"""Fixtures: the types, the codec's process, random messages that can be had again.

DIFFERENTIAL_COUNT is how many messages of each type each test makes, DIFFERENTIAL_SEED the first
one's seed, for longer runs and to repeat a failure: it says with what. A seed always gives the same
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
    """Where the tests leave what they make."""
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
    """Gives a process of the codec, one for all that ask for the same options:
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
    """The process that most tests share."""
    return start_codec()


class Case:
    """One random message. Within `with case:` a failure says how to have it again, and the inputs
    that were noted."""

    def __init__(self, test, name, seed, types):
        self.test = test
        self.name = name
        self.seed = seed
        self.types = types
        # The same for every test, so that all judge the same messages; what else is random isn't.
        maker = random.Random(f"{seed} {name}")
        density = maker.choice([0.02, 0.1, 0.3, 0.6])
        packable = [types[each] for each in PACKABLE]
        self.make = lambda: Maker(maker, density=density, packable=packable).fill(
            types[name]()
        )
        self.random = random.Random(f"{seed} {name} {test}")
        self.inputs = {}

    def note(self, **inputs):
        """Keeps an input for a failure, instead of the last one of that name."""
        self.inputs.update(inputs)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is not None:
            again = f"DIFFERENTIAL_SEED={self.seed} DIFFERENTIAL_COUNT=1"
            error.add_note(f"{self.name}, again with {again} and -k {self.test!r}")
            for name, value in self.inputs.items():
                error.add_note(f"{name}: {self.shown(name, value)}")

    def shown(self, name, value):
        """An input as text; in a file, if it's long."""
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
    """Random messages of one type, as many as are asked for."""
    test = request.node.originalname
    return (Case(test, request.param, SEED + index, types) for index in range(COUNT))
