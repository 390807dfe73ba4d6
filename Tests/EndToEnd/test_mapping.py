"""The tables of Tests/Cases/http through the complete bridge, sampled; HTTPCaseTests runs them all.

The showcase server responds to every method with its name and the received request.
"""

import json

import pytest
from google.protobuf import json_format
from support.bridge import REPOSITORY, SHOWCASE, configuration, run, service, write_configuration
from support.raw import Connection

# One case in this many is run, including the first of each group.
STEP = 5


def groups():
    found = []
    for file in ("templates", "query", "body", "errors"):
        text = (REPOSITORY / "Tests" / "Cases" / "http" / f"{file}.json").read_text()
        found += [(f"{file}: {group['about']}", group) for group in json.loads(text)]
    return found


GROUPS = groups()
SERVED = [pytest.param(group, id=name) for name, group in GROUPS if "request" in group["cases"][0]]
REFUSED = [
    pytest.param(case, id=case["name"])
    for _, group in GROUPS
    for case in [case for case in group["cases"] if "fault" in case][:: STEP * 2]
]


def showcase(address, **more):
    return service(address, **more) | {"schemas": [SHOWCASE / "showcase.proto"]}


def ask(bridge, case):
    method, target = case["request"].split(" ", 1)
    text = case.get("text")
    if text is None and "body" in case:
        text = json.dumps(case["body"])
    with Connection((bridge.host, bridge.port), seconds=20) as connection:
        connection.request(method, target, case.get("headers", {}), text)
        return method, connection.read_response(method)


def difference(case, method, reply, stubs):
    """The difference from the expected result; empty if there's none."""
    if "method" in case:
        if reply.status != 200:
            return f"{reply.status} {reply.body}"
        if method == "HEAD":
            return "" if reply.body == b"" else f"a body: {reply.body}"
        wanted = stubs.showcase.ThingReply(method=case["method"])
        wanted.request.SetInParent()
        json_format.ParseDict(case["message"], wanted.request)
        got = json_format.Parse(reply.body.decode(), stubs.showcase.ThingReply())
        return "" if got == wanted else f"{got} instead of {wanted}"
    error = reply.json()
    if reply.status != case["status"]:
        return f"{reply.status} {error}"
    details = error.get("details", [])
    if "reason" in case and case["reason"] not in [each.get("reason") for each in details]:
        return f"different reason: {error}"
    fields = [each["field"] for detail in details for each in detail.get("fieldViolations", [])]
    if "field" in case and fields != [case["field"]]:
        return f"different field: {error}"
    if case.get("says", "") not in error["message"]:
        return f"different message: {error}"
    return ""


@pytest.mark.parametrize("group", SERVED)
def test_cases(group, start_bridge, backend, stubs):
    settings = showcase(backend.address, **group.get("service", {}))
    bridge = start_bridge({"showcase": settings})
    differences = []
    cases = group["cases"][::STEP]
    for case in cases:
        method, reply = ask(bridge, case)
        wrong = difference(case, method, reply, stubs)
        if wrong:
            differences.append(f"{case['name']}: {wrong}")
    assert cases and not differences, "\n".join(differences)


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_rules(case, tmp_path):
    settings = showcase("127.0.0.1:1", http_rules=case["rules"])
    path = write_configuration(configuration({"showcase": settings}), tmp_path)
    result = run("check", "--config", path)
    assert result.returncode == 78
    assert case["fault"] in result.stderr
    assert f"{path}:" in result.stderr


RULES = """\
type: google.api.Service
http:
  rules:
  - selector: bridge.showcase.v1.Showcase.Get
    get: "/owned/{id}"
    additional_bindings:
    - custom: {kind: REPORT, path: "/owned/{id}"}
"""


def test_rules_of_a_service_file(start_bridge, backend, tmp_path):
    (tmp_path / "service.yaml").write_text(RULES)
    settings = showcase(backend.address, http_rules=tmp_path / "service.yaml")
    bridge = start_bridge({"showcase": settings})
    for request, status in [
        ("GET /owned/7", 200), ("REPORT /owned/7", 200), ("HEAD /owned/7", 200),
        ("GET /v1/things/7", 405), ("GET /v1/things", 200),
    ]:  # fmt: skip
        _, reply = ask(bridge, {"request": request})
        assert reply.status == status, (request, reply.body)


def test_parts_of_a_reply(start_bridge, backend):
    bridge = start_bridge({"showcase": showcase(backend.address)})
    for part, wanted in [
        ("request", {"id": "7", "note": "n"}), ("method", "GetPart"), ("tags", []), ("labels", {}),
        ("at", None),
    ]:  # fmt: skip
        _, reply = ask(bridge, {"request": f"GET /v1/part/7/{part}?note=n"})
        assert reply.status == 200, reply.body
        assert reply.json() == wanted, part


def test_a_path_of_slashes_is_served_like_any_other(start_bridge, backend):
    bridge = start_bridge({"showcase": showcase(backend.address)})
    for path in ("/" * 64_000, "/v1/files" + "/" * 64_000, "/v1/trees/" + "a/" * 31_000 + "leaves"):
        _, reply = ask(bridge, {"request": f"GET {path}"})
        assert reply.status == (404 if path.startswith("//") else 200), reply.body
