"""Endpoints with unusual windows and settings: the result of each kind of call."""

import pytest
from support.frames import DATA, SETTINGS, WINDOW, frame, settings, window
from support.misbehaving import good_reply
from support.shapes import CHAT, GRPC, LINES, SHAPES, UNARY, UPLOAD
from support.stage import CLOSED, ENDED, KEPT, MORE, Case

# The outcome of a call when the connection itself violates the protocol.
CONNECTION = (14, "doesn't speak valid HTTP/2", CLOSED)
CANCEL = 8


class TestWindows:
    """Windows of RFC 9113 §6.9."""

    @pytest.mark.parametrize("shape", [UNARY, UPLOAD, CHAT, GRPC], ids=str)
    def test_a_stream_window_that_never_opens(self, shape, stage):
        def play(peer, _):
            peer.greet(settings((4, 0)))
            assert peer.reset(peer.head()) == CANCEL
            assert peer.payload == 0
            peer.send(frame(SETTINGS, 0, 0, settings((4, 65_535))))

        stage.check(Case(play, 4, "within 500ms (services.short.", host="short.test", size=300_000), shape)

    @pytest.mark.parametrize("shape", [UNARY, UPLOAD, CHAT, GRPC], ids=str)
    def test_a_connection_window_that_never_opens(self, shape, stage):
        def play(peer, _):
            peer.greet(settings((4, 1 << 20)))
            assert peer.reset(peer.head()) == CANCEL
            assert peer.payload == 65_535
            peer.send(window(0, 1 << 20))

        stage.check(Case(play, 4, "within 500ms (services.short.", host="short.test", size=300_000), shape)

    @pytest.mark.parametrize("shape", [UNARY, UPLOAD, CHAT, GRPC], ids=str)
    def test_a_reply_before_a_window_opened(self, shape, stage):
        """The reply is complete: the bridge doesn't wait for the rest of the request."""

        def play(peer, _):
            peer.greet()
            stream = peer.head()
            peer.send(good_reply(stream, shape.reply))
            peer.reset(stream)
            peer.send(window(0, 1 << 20))

        stage.check(Case(play, 0, messages=1, size=300_000), shape)

    @pytest.mark.parametrize("shape", [UNARY, UPLOAD, CHAT, GRPC], ids=str)
    def test_a_window_that_becomes_negative(self, shape, stage):
        def play(peer, _):
            peer.greet()
            stream = peer.head()
            while peer.payload < 65_535:
                peer.frame()
            peer.send(frame(SETTINGS, 0, 0, settings((4, 10))), window(0, 1 << 20))
            peer.send(*[window(stream, 5_000)] * 100)
            while True:
                kind, flags, at, _ = peer.frame()
                if (kind, flags & 1, at) == (0, 1, stream):
                    break
            peer.send(good_reply(stream, shape.reply))
            peer.send(frame(SETTINGS, 0, 0, settings((4, 65_535))))

        stage.check(Case(play, 0, messages=1, size=300_000), shape)

    @pytest.mark.parametrize("shape", [UNARY, UPLOAD, CHAT, GRPC], ids=str)
    def test_a_window_that_opens_byte_by_byte(self, shape, stage):
        def play(peer, _):
            peer.greet(settings((4, 0)))
            stream = peer.head()
            while True:
                peer.send(window(stream, 1))
                kind, flags, _, payload = peer.frame()
                if kind == DATA:
                    assert len(payload) <= 1
                    if flags & 1:
                        break
            peer.send(good_reply(stream, shape.reply))
            peer.send(frame(SETTINGS, 0, 0, settings((4, 65_535))))

        stage.check(Case(play, 0, messages=1, size=200), shape)

    # What the endpoint sends: the outcome if that violates the protocol.
    UPDATES = {
        "zero, for the stream": (lambda stream: window(stream, 0), None),
        "zero, for the connection": (lambda stream: window(0, 0), CONNECTION),
        "too much, for the stream": (
            lambda stream: window(stream, 2**31 - 1), (13, "reply violates HTTP/2: FLOW_CONTROL_ERROR", KEPT),
        ),
        "too much, for the connection": (lambda stream: window(0, 2**31 - 1), CONNECTION),
        "too much, by settings": (
            lambda stream: window(stream, 2**31 - 1 - 65_535)
            + frame(SETTINGS, 0, 0, settings((4, 2**31 - 1))), (13, "reply violates HTTP/2: FLOW_CONTROL_ERROR", KEPT),
        ),
        "for an idle stream": (lambda stream: window(stream + 2, 1), CONNECTION),
        "of an odd length": (lambda stream: frame(WINDOW, 0, stream, b"123"), CONNECTION),
        "the maximum": (
            lambda stream: window(stream, 2**31 - 1 - 65_535) + window(0, 2**31 - 1 - 65_535),
            (0, "", KEPT),
        ),
    }  # fmt: skip

    @pytest.mark.parametrize("name", UPDATES)
    @pytest.mark.parametrize("shape", [LINES, GRPC], ids=str)
    def test_updates(self, shape, name, stage):
        sent, expected = self.UPDATES[name]
        code, text, after = expected or CONNECTION

        def play(peer, _):
            peer.greet(settings((4, 65_535)))
            stream = peer.head()
            peer.send(sent(stream))
            peer.request_of(stream)
            peer.send(good_reply(stream, shape.reply))

        stage.check(Case(play, code, text, 1 if code == 0 else 0, after=after), shape)


class TestSettings:
    """Settings of RFC 9113 §6.5.2."""

    VALUES = {
        "push allowed": ((2, 1), CONNECTION),
        "push neither way": ((2, 2), CONNECTION),
        "a window beyond its maximum": ((4, 2**31), CONNECTION),
        "frames that are too small": ((5, 16_383), CONNECTION),
        "frames that are too large": ((5, 2**24), CONNECTION),
        "large frames": ((5, 2**24 - 1), (0, "", KEPT)),
        "no header table": ((1, 0), (0, "", KEPT)),
        "a large header table": ((1, 2**32 - 1), (0, "", KEPT)),
        "no header fields at all": ((6, 0), (0, "", KEPT)),
        "an unknown setting": ((0xABCD, 7), (0, "", KEPT)),
        "the number zero": ((0, 0), (0, "", KEPT)),
        "one stream": ((3, 1), (0, "", KEPT)),
    }  # fmt: skip

    @pytest.mark.parametrize("name", VALUES)
    @pytest.mark.parametrize("shape", [UNARY, GRPC], ids=str)
    def test_each(self, shape, name, stage):
        pair, (code, text, after) = self.VALUES[name]

        def play(peer, _):
            peer.greet()
            stream = peer.request()
            peer.send(frame(SETTINGS, 0, 0, settings(pair)), good_reply(stream, shape.reply))

        stage.check(Case(play, code, text, 1 if code == 0 else 0, after=after), shape)

    FRAMES = {
        "of an odd length": frame(SETTINGS, 0, 0, b"12345"),
        "on a stream": frame(SETTINGS, 0, 1, b""),
        "an acknowledgement with a payload": frame(SETTINGS, 1, 0, settings((3, 100))),
        "an acknowledgement too many": frame(SETTINGS, 1, 0) * 2,
    }  # fmt: skip

    @pytest.mark.parametrize("name", FRAMES)
    @pytest.mark.parametrize("shape", [UNARY, GRPC], ids=str)
    def test_frames(self, shape, name, stage):
        def play(peer, _):
            peer.greet()
            stream = peer.request()
            peer.send(self.FRAMES[name], good_reply(stream, shape.reply))

        code, text, after = CONNECTION
        stage.check(Case(play, code, text, after=after), shape)

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_no_streams_allowed(self, shape, stage):
        def play(peer, _):
            peer.greet(settings((3, 0)))
            peer.drain()

        case = Case(play, 4, "within 500ms (services.short.", host="short.test", after=ENDED, leaves_unused=True)
        stage.check(case, shape)

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_streams_allowed_later(self, shape, stage):
        def play(peer, _):
            peer.greet(settings((3, 0)))
            peer.send(frame(SETTINGS, 0, 0, settings((3, 10))))

        stage.check(Case(play, 0, messages=1, after=MORE), shape)
