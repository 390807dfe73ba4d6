"""The README's examples: its configuration is served, its commands run as they are written."""

import pytest
from support.examples import Checkout, commands, examples

EXAMPLES = examples("README.md")


def blocks(language, way):
    return [each.text for each in EXAMPLES if (each.language, each.way) == (language, way)]


(CONFIGURATION,) = blocks("yaml", "complete configuration")
CHECK_AND_SERVE, CALLS, SERVE_WITHOUT_FILE = blocks("sh", "run by test_readme.py")


@pytest.fixture
def newcomer(tmp_path):
    newcomer = Checkout(tmp_path)
    try:
        newcomer.start_demo()
        newcomer.write("bridge.yaml", newcomer.adapted(CONFIGURATION))
        yield newcomer
    finally:
        newcomer.end()


def test_the_configuration_is_checked_and_its_commands_answer(newcomer):
    check, serve = commands(CHECK_AND_SERVE)
    checked = newcomer.run(check)
    assert checked.returncode == 0, checked.stderr
    assert "/v1/products/{id}" in checked.stdout
    newcomer.start("served", serve)
    for command in commands(CALLS):
        answered = newcomer.run(command)
        assert answered.returncode == 0, f"{command}\n{answered.stdout}{answered.stderr}"
        if "products" in command:
            assert '"id":"p-1"' in answered.stdout


def test_one_service_needs_no_file(newcomer):
    (serve,) = commands(SERVE_WITHOUT_FILE)
    newcomer.start("served", serve)
    answered = newcomer.run("curl http://127.0.0.1:8092/v1/products/p-1")
    assert '"id":"p-1"' in answered.stdout, answered.stderr
