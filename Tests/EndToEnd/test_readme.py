"""The README's examples: its configuration is served, its commands run unchanged."""

import pytest
from support.examples import Checkout, commands, examples

EXAMPLES = examples("README.md")


def blocks(language, way):
    return [each.text for each in EXAMPLES if (each.language, each.way) == (language, way)]


(CONFIGURATION,) = blocks("yaml", "complete configuration")
CHECK_AND_SERVE, CALLS, SERVE_WITHOUT_FILE = blocks("sh", "run by test_readme.py")


@pytest.fixture
def checkout(tmp_path):
    checkout = Checkout(tmp_path)
    try:
        checkout.start_demo()
        checkout.write("bridge.yaml", checkout.adapted(CONFIGURATION))
        yield checkout
    finally:
        checkout.end()


def test_the_configuration_is_valid_and_the_commands_succeed(checkout):
    check, serve = commands(CHECK_AND_SERVE)
    checked = checkout.run(check)
    assert checked.returncode == 0, checked.stderr
    assert "/v1/products/{id}" in checked.stdout
    checkout.start("served", serve)
    for command in commands(CALLS):
        result = checkout.run(command)
        assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
        if "products" in command:
            assert '"id":"p-1"' in result.stdout


def test_one_service_needs_no_file(checkout):
    (serve,) = commands(SERVE_WITHOUT_FILE)
    checkout.start("served", serve)
    result = checkout.run("curl http://127.0.0.1:8092/v1/products/p-1")
    assert '"id":"p-1"' in result.stdout, result.stderr
