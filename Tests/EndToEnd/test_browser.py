"""A real browser's pages as clients: CORS, EventSource, streamed fetch, WebSocket."""

import shutil

import pytest
from support.bridge import service
from support.browser import PROGRAM, Browser, Site
from support.processes import until

pytestmark = pytest.mark.skipif(
    shutil.which(PROGRAM) is None, reason=f"there is no {PROGRAM} (a package of Debian)"
)


@pytest.fixture(scope="module")
def site():
    site = Site()
    yield site
    site.close()


@pytest.fixture
def browser(site, tmp_path):
    return Browser(site, tmp_path)


@pytest.fixture
def open_bridge(site, backend, start_bridge):
    """A bridge that allows the origin of `site`."""
    cors = {
        "origins": [site.origin],
        "headers": ["content-type", "x-mine"],
        "expose": ["x-request-id"],
    }
    return start_bridge(
        {"test": service(backend.address, "echo", cors=cors, stream={"heartbeat": "1s"})}
    )


class TestKnownOrigin:
    def test_requests_and_errors(self, browser, open_bridge):
        found = browser.run(
            open_bridge,
            """
            const good = await fetch(bridge + "/v1/echo", {
              method: "POST", headers: {"Content-Type": "application/json", "X-Mine": "1"},
              body: JSON.stringify({aInt32: 7})});
            const bad = await fetch(bridge + "/v1/nowhere");
            return {
              good: [good.status, await good.json(), good.headers.get("x-request-id").length],
              bad: [bad.status, (await bad.json()).code],
            };
            """,
        )
        assert found == {"good": [200, {"aInt32": 7}, 36], "bad": [404, 5]}

    def test_an_event_source(self, browser, open_bridge):
        found = browser.run(
            open_bridge,
            """
            const events = new EventSource(bridge + "/v1/count/3?interval=1.3s&failAfter=3");
            return await new Promise((resolve) => {
              const seen = [];
              events.onmessage = (event) => seen.push(JSON.parse(event.data).index ?? 0);
              events.addEventListener("error", (event) => {
                if (event.data === undefined) return;
                events.close();
                resolve({seen, error: JSON.parse(event.data)});
              });
            });
            """,
        )
        assert found["seen"] == [0, 1, 2]
        assert found["error"]["code"] == 15

    def test_a_streamed_fetch(self, browser, open_bridge, backend, key):
        found = browser.run(
            open_bridge,
            """
            const reply = await fetch(bridge + "/v1/count/3?interval=0.3s");
            const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
            const parts = [];
            for (let part; !(part = await reader.read()).done;) parts.push(part.value);
            return parts;
            """,
        )
        assert len(found) == 3, "each message arrived separately"
        assert "".join(found).count("\n") == 3

    def test_a_web_socket(self, browser, open_bridge):
        found = browser.run(
            open_bridge,
            """
            const chat = new WebSocket(bridge.replace("http", "ws") + "/v1/rooms/a/chat", ["json"]);
            return await new Promise((resolve) => {
              const seen = [];
              chat.onopen = () => chat.send(JSON.stringify({text: "hello"}));
              chat.onmessage = (event) => {
                seen.push(JSON.parse(event.data));
                if (seen.length == 1) chat.send(JSON.stringify({text: "ü", endWith: 9}));
              };
              chat.onclose = ({code, reason, wasClean}) =>
                resolve({seen, code, reason, wasClean, protocol: chat.protocol});
            });
            """,
        )
        assert found["seen"][:2] == [{"room": "a", "text": "hello"}, {"text": "ü", "index": 1}]
        assert found["seen"][2]["error"]["code"] == 9
        assert (found["code"], found["reason"]) == (4009, "ended on request")
        assert found["wasClean"] and found["protocol"] == "json"

    def test_a_web_socket_with_a_token(self, browser, open_bridge):
        found = browser.run(
            open_bridge,
            """
            const chat = new WebSocket(bridge.replace("http", "ws") + "/v1/chat",
              ["bearer", "secret"]);
            return await new Promise((resolve) => {
              chat.onopen = () => { resolve(chat.protocol); chat.close(); };
              chat.onerror = () => resolve("failed");
            });
            """,
        )
        assert found == "bearer"


class TestOtherOrigins:
    def test_they_are_refused(self, browser, backend, start_bridge):
        bridge = start_bridge({"test": service(backend.address, "echo")})
        found = browser.run(
            bridge,
            """
            const failed = [];
            try { await fetch(bridge + "/v1/big/1"); } catch { failed.push("fetch"); }
            await new Promise((resolve) => {
              const chat = new WebSocket(bridge.replace("http", "ws") + "/v1/chat");
              chat.onopen = resolve;
              chat.onclose = () => { failed.push("socket"); resolve(); };
            });
            return failed;
            """,
        )
        assert found == ["fetch", "socket"]

    def test_requests_without_a_preflight_start_no_call(self, browser, backend, start_bridge):
        bridge = start_bridge({"test": service(backend.address, "echo")})
        browser.run(
            bridge,
            """
            const ends = (element, url) => new Promise((resolve) => {
              element.onload = element.onerror = resolve;
              element.src = url;
              document.body.append(element);
            });
            const post = (path, body) =>
              fetch(bridge + path, {method: "POST", mode: "no-cors", body}).catch(() => {});
            await post("/v1/echo?blob", new Blob(["{}"]));
            await post("/v1/echo?text", "{}");
            await fetch(bridge + "/v1/big/1", {mode: "no-cors"}).catch(() => {});
            await ends(new Image(), bridge + "/v1/big/2");
            await ends(document.createElement("iframe"), bridge + "/v1/big/3");
            navigator.sendBeacon(bridge + "/v1/echo?beacon", new Blob(["{}"]));
            const form = document.createElement("form");
            const frame = document.createElement("iframe");
            frame.name = form.target = "inside";
            form.method = "post";
            form.enctype = "text/plain";
            form.action = bridge + "/v1/echo?form";
            document.body.append(frame, form);
            await new Promise((resolve) => { frame.onload = resolve; form.submit(); });
            return null;
            """,
        )
        log = until(lambda: len(log := bridge.access_log()) >= 7 and log, "seven requests")
        assert {entry["status"] for entry in log} == {403}, log
