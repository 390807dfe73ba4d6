"""From HTTP request to method: paths, verbs, variables, bodies, queries, hosts, prefixes.

Each method of RouteService responds with its own name and the received request.
"""

import json

import pytest
from google.protobuf import json_format
from support.bridge import service
from support.raw import Connection

OTHER = "/bridge.test.RouteService"

ROUTES = {
    # situation: (method, target, body or None, gRPC method, request as JSON)
    "a variable": ("GET", "/v1/routes/7", None, "Get", {"id": "7"}),
    "a literal beats a variable": ("GET", "/v1/routes/default", None, "GetDefault", {}),
    "a second binding": ("GET", "/v1/parts/p/routes/r", None, "Get",
                         {"id": "r", "part": {"id": "p"}}),
    "nested variables": ("GET", "/v1/deep/x/-5", None, "Get",
                         {"part": {"inner": {"id": "x"}, "number": -5}}),
    "fixed segments in a variable": ("GET", "/v1/shelves/a/books/b", None, "GetBook",
                                     {"name": "shelves/a/books/b"}),
    "a verb after a variable": ("GET", "/v1/shelves/a:summary", None, "GetBook",
                                {"name": "shelves/a"}),
    "all that is left": ("GET", "/v1/files/a/b/c.txt", None, "GetFile", {"name": "a/b/c.txt"}),
    "one segment left": ("GET", "/v1/files/a", None, "GetFile", {"name": "a"}),
    "a verb after all that is left": ("GET", "/v1/files/a/b:stat", None, "GetFile",
                                      {"name": "a/b"}),
    "an unknown verb": ("GET", "/v1/files/a/b:other", None, "GetFile", {"name": "a/b:other"}),
    "a verb on a literal": ("GET", "/v1/routes:archived", None, "Archive", {}),
    "a verb and a body": ("POST", "/v1/routes/9:archive", {"flag": True}, "Archive",
                          {"id": "9", "flag": True}),
    "percent-encoding": ("GET", "/v1/routes/a%20b%2Fc%C3%BC", None, "Get", {"id": "a b/cü"}),
    "a slash stays encoded in a long variable": ("GET", "/v1/files/a%2Fb/c%20d", None, "GetFile",
                                                 {"name": "a%2Fb/c d"}),
    "a plus in a path": ("GET", "/v1/routes/a+b", None, "Get", {"id": "a+b"}),
    "a slash at the end": ("GET", "/v1/routes/7/", None, "Get", {"id": "7"}),
    "a whole body": ("POST", "/v1/routes", {"id": "1", "tags": ["a", "b"]}, "Create",
                     {"id": "1", "tags": ["a", "b"]}),
    "no body where one may be": ("POST", "/v1/routes", None, "Create", {}),
    "the path wins over the body": ("PUT", "/v1/routes/path", {"id": "body", "note": ""},
                                    "Replace", {"id": "path", "note": ""}),
    "a field as the body": ("POST", "/v1/routes/1/part", {"id": "p", "labels": ["x"]},
                            "CreatePart", {"id": "1", "part": {"id": "p", "labels": ["x"]}}),
    "a field as the body, and a query": ("PATCH", "/v1/routes/1?mask=name,part.id&note=n",
                                         {"number": 2}, "Update",
                                         {"id": "1", "part": {"number": 2}, "note": "n",
                                          "mask": "name,part.id"}),
    "a list as the body": ("PUT", "/v1/routes/1/tags", ["a", "b"], "SetTags",
                           {"id": "1", "tags": ["a", "b"]}),
    "a text as the body": ("PUT", "/v1/routes/1/at", "2024-01-01T00:00:00Z", "SetTags",
                           {"id": "1", "at": "2024-01-01T00:00:00Z"}),
    "delete": ("DELETE", "/v1/routes/1", None, "Delete", {"id": "1"}),
    "by name": ("POST", f"{OTHER}/Unmapped", {"id": "1"}, "Unmapped", {"id": "1"}),
    "by name though there is a rule": ("POST", f"{OTHER}/Get", {"id": "1"}, "Get", {"id": "1"}),
    "by name without a body": ("POST", f"{OTHER}/Unmapped", None, "Unmapped", {}),
    "a query of scalars": ("GET", "/v1/routes?total=-9007199254740993&pageSize=7&flag=true"
                           "&ratio=-1.5e3&color=COLOR_GREEN&data=AP8", None, "List",
                           {"total": "-9007199254740993", "pageSize": 7, "flag": True,
                            "ratio": -1500.0, "color": "COLOR_GREEN", "data": "AP8="}),
    "a query in proto names": ("GET", "/v1/routes?page_size=7", None, "List", {"pageSize": 7}),
    "a query of lists": ("GET", "/v1/routes?tags=a&sizes=3&tags=b&sizes=-4&tags=a", None, "List",
                         {"tags": ["a", "b", "a"], "sizes": [3, -4]}),
    "a query of nested fields": ("GET", "/v1/routes?part.inner.id=x&part.inner.labels=l"
                                 "&part.number=3&part.color=1", None, "List",
                                 {"part": {"number": 3, "color": "COLOR_RED",
                                           "inner": {"id": "x", "labels": ["l"]}}}),
    "a query of well-known types": ("GET", "/v1/routes?at=2024-02-29T12:00:00Z&period=1.5s"
                                    "&mask=a.b,c&label=l", None, "List",
                                    {"at": "2024-02-29T12:00:00Z", "period": "1.500s",
                                     "mask": "a.b,c", "label": "l"}),
    "a query with escapes": ("GET", "/v1/routes?note=a%26b%3Dc%20%C3%BC+d", None, "List",
                             {"note": "a&b=c ü d"}),
    "an empty value": ("GET", "/v1/routes?note=&left=", None, "List", {"note": "", "left": ""}),
    "a number in a oneof": ("GET", "/v1/routes?right=0", None, "List", {"right": 0}),
    "not a number, as text": ("GET", "/v1/routes?ratio=NaN", None, "List", {"ratio": "NaN"}),
    "the path and a query": ("GET", "/v1/routes/7?note=x", None, "Get", {"id": "7", "note": "x"}),
    "a query with a delete": ("DELETE", "/v1/routes/7?flag=false&note=x", None, "Delete",
                              {"id": "7", "note": "x"}),
}  # fmt: skip


def ask(bridge, method, target, body, headers=()):
    """Sends the target unchanged, on a separate connection; other clients normalise it."""
    with Connection((bridge.host, bridge.port), seconds=20) as connection:
        text = None if body is None else json.dumps(body)
        connection.request(method, target, dict(headers), text)
        return connection.read_response(method)


@pytest.mark.parametrize("name", ROUTES)
def test_reaches(name, bridge, stubs):
    method, target, body, rpc, wanted = ROUTES[name]
    reply = ask(bridge, method, target, body)
    assert reply.status == 200, reply.body
    routed = json_format.Parse(reply.body.decode(), stubs.routes.Routed())
    assert routed.method == rpc
    assert routed.request == json_format.ParseDict(wanted, stubs.routes.RouteRequest())


def test_a_part_of_the_reply_as_the_body(bridge):
    reply = ask(bridge, "POST", "/v1/part:only", {"id": "1", "tags": ["x"]})
    assert reply.status == 200, reply.body
    assert reply.json() == {"id": "1", "tags": ["x"]}


REFUSED = {
    # situation: (method, target, body, HTTP status, what the message must contain)
    "no such path": ("GET", "/v2/nothing", None, 404, None),
    "no such method name": ("POST", f"{OTHER}/Nothing", {}, 404, None),
    "no such service": ("POST", "/bridge.test.Nothing/Get", {}, 404, None),
    "an empty variable": ("GET", "/v1/parts//routes/r", None, 404, None),
    "a path that is too long": ("GET", "/v1/routes/1/2/3", None, 404, None),
    "an unknown query parameter": ("GET", "/v1/routes?nothing=1", None, 400, "nothing"),
    "an unknown nested parameter": ("GET", "/v1/routes?part.nothing=1", None, 400, "part.nothing"),
    "a parameter that is a message": ("GET", "/v1/routes?part=1", None, 400, "part"),
    "a parameter that is a map": ("GET", "/v1/routes?attributes=1", None, 400, "attributes"),
    "two values for one field": ("GET", "/v1/routes?note=a&note=b", None, 400, "note"),
    "two members of a oneof": ("GET", "/v1/routes?left=a&right=1", None, 400, None),
    "a parameter of the wrong type": ("GET", "/v1/routes?total=x", None, 400, "total"),
    "a parameter out of range": ("GET", "/v1/routes?sizes=2147483648", None, 400, "sizes"),
    "an unknown enum name": ("GET", "/v1/routes?color=BLUE", None, 400, "color"),
    "bad base64": ("GET", "/v1/routes?data=%21", None, 400, "data"),
    "a variable of the wrong type": ("GET", "/v1/deep/x/y", None, 400, "part.number"),
    "a bad escape in the path": ("GET", "/v1/routes/%zz", None, 400, None),
    "a bad escape in the query": ("GET", "/v1/routes?note=%zz", None, 400, None),
    "not UTF-8 in the path": ("GET", "/v1/routes/%ff", None, 400, None),
    "not UTF-8 in the query": ("GET", "/v1/routes?note=%ff", None, 400, None),
    "a query with a whole body": ("POST", "/v1/routes?note=x", {}, 400, "note"),
    "a query under the body field": ("PATCH", "/v1/routes/1?part.id=x", {}, 400, "part.id"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name, bridge):
    method, target, body, status, named = REFUSED[name]
    reply = ask(bridge, method, target, body)
    assert reply.status == status, reply.body
    error = reply.json()
    assert set(error) <= {"code", "message", "details"}
    assert error["code"] in (3, 5) and error["message"]
    if named:
        assert named in error["message"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/routes", {"GET", "POST"}),
        ("POST", "/v1/routes/1", {"GET", "PUT", "PATCH", "DELETE"}),
        ("GET", f"{OTHER}/Unmapped", {"POST"}),
        ("PROPFIND", "/v1/routes/1", {"GET", "PUT", "PATCH", "DELETE"}),
    ],
)
def test_names_the_methods_of_a_path(method, path, allowed, bridge):
    reply = ask(bridge, method, path, None)
    assert reply.status == 405, reply.body
    got = {part.strip() for part in reply.header("allow").split(",")}
    assert got - {"HEAD", "OPTIONS"} == allowed
    assert reply.json()["message"]


def test_hosts_and_prefixes_choose_the_service(start_bridge, start_backend):
    first, second, third = start_backend(), start_backend(), start_backend()
    bridge = start_bridge(
        {
            "by-host": service(first.address, "routes", hosts=["one.internal"]),
            "by-prefix": service(second.address, "routes", prefix="/two"),
            "by-both": service(third.address, "routes", hosts=["one.internal"], prefix="/three"),
        }
    )

    def calls():
        return [backend.peers()[1] for backend in (first, second, third)]

    cases = [
        ("one.internal", "/v1/routes/1", [1, 0, 0]),
        ("ONE.internal", "/v1/routes/1", [1, 0, 0]),
        (f"one.internal:{bridge.port}", "/v1/routes/1", [1, 0, 0]),
        ("anything", "/two/v1/routes/1", [0, 1, 0]),
        ("one.internal", "/three/v1/routes/1", [0, 0, 1]),
        ("one.internal", "/three/v1/files/three/x", [0, 0, 1]),
    ]
    for host, path, wanted in cases:
        before = calls()
        reply = ask(bridge, "GET", path, None, headers={"Host": host})
        assert reply.status == 200, (host, path, reply.body)
        grown = [after - then for after, then in zip(calls(), before)]
        assert grown == wanted, (host, path)
    for host, path in [("other.internal", "/v1/routes/1"), ("x", "/twofold/v1/routes/1")]:
        before = calls()
        reply = ask(bridge, "GET", path, None, headers={"Host": host})
        assert reply.status == 404, (host, path, reply.body)
        assert reply.json()["code"] == 5
        assert calls() == before


def test_the_authority_of_an_absolute_target_wins_over_host(start_bridge, start_backend, connect):
    first, second = start_backend(), start_backend()
    bridge = start_bridge(
        {
            "one": service(first.address, "routes", hosts=["one.internal"]),
            "two": service(second.address, "routes", hosts=["two.internal"]),
        }
    )
    connection = connect(bridge)
    target = "http://two.internal/v1/routes/1?note=x"
    connection.request("GET", target, {"Host": "one.internal"})
    response = connection.read_response()
    assert response.status == 200, response.body
    assert response.json()["request"] == {"id": "1", "note": "x"}
    assert (first.peers()[1], second.peers()[1]) == (0, 1)


def test_a_schema_without_rules_has_methods_by_name(start_bridge, backend):
    """A schema without rules is served completely."""
    bridge = start_bridge({"legacy": service(backend.address, "legacy")})
    path = "/bridge.test.legacy.LegacyService/Echo"
    reply = ask(bridge, "POST", path, {"name": "x"})
    assert (reply.status, reply.json()) == (200, {"name": "x"})
