"""The examples of the documentation: configurations are checked, commands run unchanged.

`support/examples.py` describes the comments that declare how a block is checked; a block without one fails.
"""

import json
import re
import shutil
import subprocess
import textwrap

import pytest
from support.bridge import PROTOS, REPOSITORY, SHOWCASE, Bridge, configuration, service
from support.examples import WAYS, Checkout, commands, dialogue, examples, pages, prose, shows
from support.reflection import ReflectionServer, compile_protos
from support.tls import Authority

PAGES = pages()
EXAMPLES = [example for page in PAGES for example in examples(page)]
OTHER_FILES = REPOSITORY / "Tests" / "EndToEnd" / "examples"

#: Values of `${…}` in examples.
VARIABLES = {"PEER_HOST": "127.0.0.1", "PROTOS": "protos"}
TOKEN = "a-token-of-the-examples"

#: What a fragment of a service omits.
SERVICE = {"schemas": "bench.proto", "endpoint": "127.0.0.1:50051"}


def of(*languages):
    """The examples in these languages that are checked here."""
    found = [each for each in EXAMPLES if each.language in languages]
    elsewhere = ("not run", "run by")
    here = [each for each in found if not each.way.startswith(elsewhere)]
    return [pytest.param(each, id=str(each)) for each in here]


@pytest.mark.parametrize("page", PAGES)
def test_each_block_declares_how_it_is_checked(page):
    errors = [each.error() for each in EXAMPLES if each.page == page]
    assert [error for error in errors if error] == []


@pytest.mark.parametrize("page", PAGES)
def test_code_blocks_are_fenced(page):
    """A block that is only indented has no line for the comment."""
    before, loose = "", []
    for number, line in enumerate(prose(page).split("\n"), 1):
        if line.startswith("    ") and not re.match(r" *([-*]|\d+\.) ", before):
            loose.append(number)
        elif line:
            before = line
    assert loose == []


def test_comments_are_before_blocks():
    """A comment that isn't on the line before its block would have no effect."""
    for page in PAGES:
        text = (REPOSITORY / page).read_text()
        assert text.count("<!-- example:") == sum(1 for each in examples(page) if each.way), page


def test_tests_that_run_examples_exist():
    ways = [re.fullmatch(WAYS["sh"], each.way) for each in EXAMPLES]
    named = {way["test"] for way in ways if way and way["test"]}
    assert named
    for name in named:
        assert (REPOSITORY / "Tests" / "EndToEnd" / name).exists(), name


@pytest.mark.parametrize("example", of("json"))
def test_json(example):
    json.loads(example.text)


@pytest.mark.parametrize("example", of("protobuf"))
def test_schema(example, tmp_path):
    (tmp_path / "example.proto").write_text(example.text)
    run = subprocess.run(
        ["protoc", f"-I{tmp_path}", f"-I{REPOSITORY / 'schemas'}", "-o/dev/null", "example.proto"],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A folder with the files that examples of configurations name, and the variables."""
    workspace = Checkout(tmp_path_factory.mktemp("workspace"))
    for name in ("bench", "infer"):
        shutil.copy(PROTOS / "bench.proto", workspace.folder / f"{name}.proto")
    (workspace.folder / "protos" / "bench").mkdir(parents=True)
    shutil.copy(PROTOS / "bench.proto", workspace.folder / "protos" / "bench")
    for file in OTHER_FILES.iterdir():
        shutil.copy(file, workspace.folder)
    pki = workspace.folder / "pki"
    pki.mkdir()
    Authority(pki).issue("bridge", "bridge.internal")
    workspace.environment |= VARIABLES
    return workspace


@pytest.fixture(scope="module")
def reflection_server(workspace):
    """A server that offers bench.Bench by reflection, at the port that examples call."""
    (workspace.folder / "server").mkdir()
    descriptors = compile_protos(workspace.folder / "server" / "offered.binpb", "bench")
    server = ReflectionServer(descriptors, workspace.folder / "server", port=workspace.ports["50051"])
    yield server
    server.stop()


def whole(example):
    """The configuration that a fragment is part of."""
    text, way = example.text, example.way.partition(",")[0]
    keys = set(re.findall(r"^(\w+):", text, re.MULTILINE))
    if way == "fragment of a service":
        missing = [f"{key}: {value}" for key, value in SERVICE.items() if key not in keys]
        text = "services:\n  bench:\n" + textwrap.indent("\n".join([*missing, text]), "    ")
    elif way == "fragment of the top level":
        text += "\nservices:\n  bench: {schemas: bench.proto, endpoint: 127.0.0.1:50051}\n"
    assert "services:" in text, f"{example} has no services; is it a fragment?"
    return text


def with_secrets(text, workspace):
    """Sets the variables with secrets that the configuration names, and writes the files."""
    for name in re.findall(r"_env: (\w+)", text):
        workspace.environment[name] = TOKEN
    for path in re.findall(r"_file: (/[^\s,}]+)", text):
        file = workspace.write("secrets" + path, TOKEN)
        text = text.replace(path, str(file))
    return text


@pytest.mark.parametrize("example", of("yaml"))
def test_configuration(example, workspace, request):
    if example.way.endswith("reflection server"):
        request.getfixturevalue("reflection_server")
    workspace.write("bridge.yaml", workspace.adapted(with_secrets(whole(example), workspace)))
    checked = workspace.run("bridge-proxy check --config bridge.yaml")
    assert checked.returncode == 0, checked.stderr
    assert "→" in checked.stdout, "no route is served"


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """What `make demo` starts."""
    demo = Checkout(tmp_path_factory.mktemp("demo"))
    try:
        demo.start_demo()
        yield demo
    finally:
        demo.end()


@pytest.fixture(scope="module")
def server_of_tests(backend, tmp_path_factory):
    """A bridge for all services of the end-to-end tests' server, where examples call it."""
    checkout = Checkout(tmp_path_factory.mktemp("server"))
    services = {
        "test": service(backend.address, "echo"),
        "showcase": {"schemas": SHOWCASE / "showcase.proto", "endpoint": backend.address},
    }
    bridge = Bridge.configured(configuration(services), checkout.folder)
    checkout.ports["8080"] = str(bridge.port)
    yield checkout
    bridge.stop_cleanly()


def serve_as(host, demo):
    """The demo's gRPC server as a service with its own host; returns the port."""
    services = {
        "catalogue": {
            "hosts": [host],
            "schemas": REPOSITORY / "schemas" / "demo",
            "endpoint": "127.0.0.1:" + demo.ports["50051"],
        }
    }
    bridge = Bridge.configured(configuration(services), demo.folder, "hosted")
    demo.started.append(bridge)
    return str(bridge.port)


@pytest.mark.parametrize("example", of("sh", "bash", "console"))
def test_commands(example, request):
    way = re.fullmatch(WAYS[example.language], example.way)
    assert way, example.error()
    if "reflection server" in example.way:
        request.getfixturevalue("reflection_server")
        checkout = request.getfixturevalue("workspace")
    else:
        name = "demo" if "demo" in example.way else "server_of_tests"
        checkout = request.getfixturevalue(name)
    if way["serves"]:
        (command,) = commands(example.text)
        process = checkout.start("serves", command + " --listen 127.0.0.1:8080")
        # Without a schema it would be 503.
        missing = checkout.run("curl localhost:8080/bench.Bench/Missing -d '{}'")
        assert "ROUTE_NOT_FOUND" in missing.stdout, f"{missing.stdout}\n{process.report()}"
        assert process.stop() == 0, process.report()
        return
    if way["host"]:
        previous, checkout.ports["8080"] = checkout.ports["8080"], serve_as(way["host"], checkout)
    try:
        run(example, checkout)
    finally:
        if way["host"]:
            checkout.ports["8080"] = previous


def run(example, checkout):
    is_dialogue = example.language == "console"
    for command, shown in dialogue(example.text) if is_dialogue else [(example.text, None)]:
        ran = checkout.run(command)
        assert ran.returncode == 0, f"{command}\n{ran.stdout}{ran.stderr}"
        if is_dialogue:
            assert shows(shown, ran.stdout), f"{command}\n{ran.stdout}\ninstead of\n{shown}"


def anchor(heading):
    """GitHub's anchor of a heading."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.strip().lower().replace("`", ""))
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES)
def test_links_resolve(page):
    file = REPOSITORY / page
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if "://" in link:
            continue
        path, _, name = link.partition("#")
        target = (file.parent / path).resolve() if path else file
        assert target.exists(), link
        if name:
            headings = re.findall(r"^#+ (.*)$", prose(target.relative_to(REPOSITORY)), re.MULTILINE)
            assert name in [anchor(heading) for heading in headings], link
