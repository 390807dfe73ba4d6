"""Requests of pages of other origins, as a browser sends them."""

import subprocess

import pytest
from support.bridge import run, service, write_configuration

APP = "https://app.example"


@pytest.fixture
def open_bridge(start_bridge, backend):
    cors = {"origins": [APP], "headers": ["content-type", "x-team"], "credentials": True}
    return start_bridge({"test": service(backend.address, "echo", "routes", cors=cors)})


def curl(url, *arguments):
    """The status and the fields of a response."""
    done = subprocess.run(
        ["curl", "-sS", "-D-", "-o", "/dev/null", *arguments, url],
        capture_output=True, text=True, timeout=20, check=True,
    )  # fmt: skip
    status, *fields = done.stdout.strip().split("\n")
    pairs = (field.strip().split(": ", 1) for field in fields if ": " in field)
    return int(status.split()[1]), {name.lower(): value for name, value in pairs}


def test_a_preflight_and_its_request(open_bridge):
    url = f"{open_bridge.url}/v1/echo"
    status, fields = curl(
        url, "-X", "OPTIONS", "-H", f"Origin: {APP}", "-H", "Access-Control-Request-Method: POST",
        "-H", "Access-Control-Request-Headers: content-type",
    )  # fmt: skip
    assert status == 204
    assert fields["access-control-allow-origin"] == APP
    assert "POST" in fields["access-control-allow-methods"]
    assert fields["access-control-allow-headers"] == "content-type, x-team"
    assert fields["access-control-allow-credentials"] == "true"
    assert fields["vary"] == "origin"
    status, fields = curl(url, "-H", f"Origin: {APP}", "--json", "{}")
    assert (status, fields["access-control-allow-origin"]) == (200, APP)


def test_another_origin(open_bridge):
    url = f"{open_bridge.url}/v1/echo"
    for more in (["-X", "OPTIONS", "-H", "Access-Control-Request-Method: POST"], ["-d", "{}"]):
        _, fields = curl(url, "-H", "Origin: https://evil.example", *more)
        assert not [name for name in fields if name.startswith("access-control-")]


@pytest.mark.parametrize(
    ("path", "status"), [("/v1/count/2", 200), ("/v1/fail/5", 404), ("/no/such/path", 404)]
)
def test_streams_and_errors_can_be_read(path, status, open_bridge):
    got, fields = curl(f"{open_bridge.url}{path}", "-H", f"Origin: {APP}")
    assert (got, fields["access-control-allow-origin"]) == (status, APP)


def test_any_origin_with_cookies_is_refused_at_load(tmp_path):
    cors = {"origins": "*", "credentials": True}
    settings = {"listen": "127.0.0.1:0", "services": {"a": service("h:1", "echo", cors=cors)}}
    done = run("check", "--config", write_configuration(settings, tmp_path))
    assert done.returncode == 78
    assert "services.a.cors.credentials" in done.stderr
