"""Around every request: whose host and origin it names, its token, the size and time of its body, safe headers."""

import asyncio
import hashlib
import hmac
import time
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from interplay.serving.errors import ApiError, error_response, unforeseen
from interplay.serving.limits import Limits
from interplay.serving.meter import Meter

COOKIE = "interplay"
OPEN_PATHS = ("/", "/health", "/login")
"""Answered without a token; the first page then is the one that asks for it."""

SAFE = ("GET", "HEAD", "OPTIONS")
NO_CONTENT_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HEADERS = {
    "Content-Security-Policy": NO_CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
DRAIN_BYTES, DRAIN_SECONDS = 128_000_000, 5.0


def cookie_of(token: str) -> str:
    """The cookie's value for a token; the token cannot be derived from it.

    Args:
        token: the token.
    """
    return hmac.new(token.encode(), b"interplay cookie", hashlib.sha256).hexdigest()


def same(given: str, wanted: str) -> bool:
    """Whether two secrets are equal, in a time that does not depend on where they differ.

    Args:
        given: what a client sent.
        wanted: the secret.
    """
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode("utf-8", "surrogateescape"))


class ProtectionMiddleware:
    """ASGI middleware.

    Args:
        token: None asks for none.
        loopback: whether the service listens on this machine alone; then it must be called by one of its names.
    """

    def __init__(self, app: ASGIApp, *, token: str | None, loopback: bool, limits: Limits, meter: Meter) -> None:
        self._app, self._token, self._loopback, self._limits, self._meter = app, token, loopback, limits, meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one request, answer it, and put security headers on the response."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def secured(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope={"type": "http", "headers": message["headers"]})
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                message = {**message, "headers": headers.raw}
            await send(message)

        body = Body(receive, self._limits, Headers(scope=scope))
        try:
            headers = Headers(scope=scope)
            scope.setdefault("state", {})["let_in"] = self._let_in(headers)
            self._check(scope, headers)
            await self._app(scope, body, secured)
        except ApiError as error:
            self._meter.refused(error.reason)
            if body.whole:
                await error_response(error.body, error.status, error.headers)(scope, receive, secured)
            else:
                await _answer_early(error, body, secured)
        except ClientDisconnect:
            pass  # nobody is there to be answered
        except Exception:
            self._meter.refused("error")
            error_body = unforeseen(f"{scope['method']} request")
            if not started:
                await error_response(error_body, 500)(scope, receive, secured)

    def _check(self, scope: Scope, headers: Headers) -> None:
        if self._loopback and not _local(headers.get("host", "")):
            raise ApiError(
                400,
                "the request names another host",
                expected="127.0.0.1, localhost or [::1]",
                fix="call the service by one of these; to offer it to others, start it with --host",
                reason="host",
            )
        # Under our Referrer-Policy a form says Origin: null; and who has the token may send it from anywhere.
        if scope["method"] not in SAFE and scope["path"] != "/login" and not _own_origin(headers):
            raise ApiError(
                403, "the request comes from a page of another site", expected="a page of this service", reason="origin"
            )
        if scope["path"] not in OPEN_PATHS and not scope["state"]["let_in"]:
            raise ApiError(
                401,
                "the token is missing or another one",
                expected="the header `Authorization: Bearer TOKEN`",
                fix="`interplay serve` prints the token when it starts",
                reason="token",
                headers={"WWW-Authenticate": "Bearer"},
            )
        length = headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length[:20]) > self._limits.upload_bytes:
            raise _too_large(self._limits)

    def _let_in(self, headers: Headers) -> bool:
        """Whether the token, or the cookie of who has shown it, is there; both are looked at whatever comes of one."""
        if self._token is None:
            return True
        kind, _, given = headers.get("authorization", "").partition(" ")
        by_header = kind.lower() == "bearer" and same(given.strip(), self._token)
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return by_header
        by_cookie = COOKIE in cookies and same(cookies[COOKIE].value, cookie_of(self._token))
        return by_header or by_cookie


class Body:
    """The body of a request as it comes in, refused once it is too large or takes too long."""

    def __init__(self, receive: Receive, limits: Limits, headers: Headers) -> None:
        self._receive, self._limits, self._read = receive, limits, 0
        self._waits = "expect" in headers  # for our word before it is sent
        self.whole = "transfer-encoding" not in headers and headers.get("content-length", "0") == "0"
        self._until = time.monotonic() + limits.upload_seconds

    async def __call__(self) -> Message:
        """The next message. Raises ApiError (408, 413)."""
        if self.whole:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, self._until - time.monotonic()))
        except TimeoutError:
            raise ApiError(
                408,
                "the body took too long to arrive",
                expected=f"all of it within {self._limits.upload_seconds:g} seconds",
                fix="send it faster, or send less",
                reason="slow",
            ) from None
        self.whole = not message.get("more_body", False)
        self._read += len(message.get("body", b""))
        if self._read > self._limits.upload_bytes:
            raise _too_large(self._limits)
        return message

    async def drain(self) -> None:
        """Read on for a while and forget it: who still sends when the connection closes may never see the answer."""
        until, read = time.monotonic() + DRAIN_SECONDS, 0
        while not (self.whole or self._waits) and read < DRAIN_BYTES and (left := until - time.monotonic()) > 0:
            try:
                message = await asyncio.wait_for(self._receive(), left)
            except TimeoutError:
                return
            read += len(message.get("body", b""))
            self.whole = not message.get("more_body", False)


async def _answer_early(error: ApiError, body: Body, send: Send) -> None:
    """Answer while the body still comes in, then close the connection: not before the answer could be read."""
    response = error_response(error.body, error.status, error.headers | {"Connection": "close"})
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    if error.reason != "slow":
        await body.drain()
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _too_large(limits: Limits) -> ApiError:
    return ApiError(
        413,
        "the body is too large",
        expected=f"at most {limits.upload_bytes} bytes",
        fix="send a smaller picture or text",
        reason="bytes",
    )


def _local(host: str) -> bool:
    """Whether a Host header names this machine. A page elsewhere whose name was made to point here does not."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def _own_origin(headers: Headers) -> bool:
    """Whether a request that changes something comes from our own page, or from no page at all."""
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "none") in ("none", "same-origin")
    return urlsplit(origin).netloc == headers.get("host") != ""
