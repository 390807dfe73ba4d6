"""Errors in the format that a service's clients expect."""

import json

import pytest
from support.bridge import run, service, write_configuration

ERRORS = {
    "body": {
        "errcode": "${code}",
        "errmsg": "${message}",
        "success": False,
        "trace": "${request_id}",
        "what": "${code_name} by ${rpc}: ${message}",
        "detail": {"reason": "${reason}", "http": "${http_status}", "field": "${field}"},
        "all": ["${details}", None, 1.5, "$${code}", "${code:string}"],
    },
    "status": {"NOT_FOUND": 200, "INVALID_ARGUMENT": 422},
    "content_type": "application/problem+json",
}
ID = {"X-Request-Id": 'trace-"1"'}


@pytest.fixture
def legacy(start_bridge, backend):
    return start_bridge(
        {"test": service(backend.address, "echo", "routes", prefix="/api", errors=ERRORS)}
    )


def fail(http, bridge, **members):
    return http.post(f"{bridge.url}/api/v1/fail", json=members, headers=ID, timeout=20)


@pytest.mark.parametrize(
    "message", ["", "so it is", "ünï ✗ 😀", '"quoted" \\ ${code}', "100% \r\n two\ttab"]
)
def test_a_status_of_the_endpoint(message, legacy, http):
    reply = fail(http, legacy, code=5, message=message)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json() == {
        "errcode": 5,
        "errmsg": message,
        "success": False,
        "trace": 'trace-"1"',
        "what": f"NOT_FOUND by bridge.test.TroubleService/Fail: {message}",
        "detail": {"reason": None, "http": 200, "field": None},
        "all": [[], None, 1.5, "${code}", "5"],
    }


def test_details_are_a_list(legacy, http):
    reply = fail(
        http, legacy, code=9, message="m",
        details=["DETAIL_BAD_REQUEST", "DETAIL_ERROR_INFO", "DETAIL_UNKNOWN_TYPE"],
    )  # fmt: skip
    assert reply.status_code == 400
    body = reply.json()
    assert body["detail"] == {"reason": "OUT_OF_STOCK", "http": 400, "field": "inputs[3].shape"}
    details = body["all"][0]
    assert [detail["@type"].split(".")[-1] for detail in details] == [
        "BadRequest", "ErrorInfo", "Secret",
    ]  # fmt: skip
    assert details[1]["metadata"] == {"sku": "A-1", "left": "0"}


def test_errors_of_the_bridge(legacy, http):
    reply = http.post(f"{legacy.url}/api/v1/fail", data='{"code": "x"}', headers={
        "Content-Type": "application/json"}, timeout=20)  # fmt: skip
    assert reply.status_code == 422
    body = reply.json()
    assert body["errcode"] == 3
    assert body["detail"] == {"reason": "INVALID_MESSAGE", "http": 422, "field": "code"}
    assert body["trace"] == reply.headers["x-request-id"]
    missed = http.get(f"{legacy.url}/api/no/such", timeout=20)
    assert missed.status_code == 200
    assert missed.json()["detail"]["reason"] == "ROUTE_NOT_FOUND"
    elsewhere = http.get(f"{legacy.url}/other", timeout=20)
    assert elsewhere.status_code == 404
    assert set(elsewhere.json()) == {"code", "message", "details"}


def test_the_log_has_what_was_sent(legacy, http):
    fail(http, legacy, code=5, message="m")
    legacy.stop_cleanly()
    legacy.ended_by_test = True
    (entry,) = legacy.access_log()
    assert (entry["status"], entry["grpc"]) == (200, "NOT_FOUND")


def test_bad_sections_are_reported_at_load(tmp_path, backend):
    errors = {"body": {"a": "${mesage}"}, "status": {"NOT_FUND": 200}, "content_type": "json"}
    path = write_configuration(
        {"services": {"test": service(backend.address, "echo", errors=errors)}}, tmp_path
    )
    done = run("check", "--config", path)
    assert done.returncode == 78
    assert "services.test.errors.body.a: ${mesage} is not a placeholder" in done.stderr
    assert "did you mean ${message}?" in done.stderr
    assert "did you mean NOT_FOUND?" in done.stderr
    assert "services.test.errors.content_type" in done.stderr


@pytest.mark.parametrize("accept", ["application/x-ndjson", "text/event-stream"])
def test_an_error_after_messages(accept, legacy, http):
    reply = http.get(
        f"{legacy.url}/api/v1/count/5?failAfter=2", headers={"Accept": accept, **ID}, timeout=20
    )
    assert reply.status_code == 200
    assert reply.headers["content-type"] == accept
    last = [line for line in reply.text.split("\n") if line][-1]
    body = json.loads(last.removeprefix("data: "))
    body = body if accept == "text/event-stream" else body["error"]
    assert body["errcode"] == 15
    assert body["errmsg"] == "lost count"
    assert body["detail"]["reason"] == "OUT_OF_STOCK"
