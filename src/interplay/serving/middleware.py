"""Around every request: whose host and origin it names, its token, the size and time of its body, safe headers."""

import asyncio
import hashlib
import hmac
import math
import re
import time
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_network
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from interplay.serving.errors import ApiError, error_response, unforeseen
from interplay.serving.limits import Limits
from interplay.serving.meter import Meter
from interplay.serving.recent import Recent

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

# The whole header must be one of these: parsers of addresses take `evil.example@localhost` for localhost. starlette's
# TrustedHostMiddleware does, too, in recent versions; but it does not know all of 127/8, nor answer in JSON.
_LOOPBACK = r"localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]"


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
        public_host: the name under which a reverse proxy on this machine offers it; another of its names.
        limits: the service's limits.
        meter: the service's metrics.
        wrong: counts wrong tokens.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str | None,
        loopback: bool,
        public_host: str | None,
        limits: Limits,
        meter: Meter,
        wrong: Recent,
    ) -> None:
        self._app, self._token, self._loopback, self._limits, self._meter = app, token, loopback, limits, meter
        self._public, self._wrong = public_host, wrong
        names = _LOOPBACK if public_host is None else f"{_LOOPBACK}|{re.escape(public_host)}"
        self._host = re.compile(rf"(?:{names})(?::[0-9]{{1,5}})?", re.IGNORECASE | re.ASCII)

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
            self._check_host(headers)
            client = scope.setdefault("state", {})["client"] = client_of(scope)
            # Whether the service lives is answered whatever else a request brings.
            scope["state"]["let_in"] = scope["path"] != "/health" and self._let_in(scope, headers, client)
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

    def _check_host(self, headers: Headers) -> None:
        """A page elsewhere whose name was made to point to this machine is not answered."""
        if self._loopback and not self._host.fullmatch(headers.get("host", "")):
            public = f", {self._public}" if self._public else ""
            raise ApiError(
                400,
                "the request names another host",
                expected=f"127.0.0.1, localhost or [::1]{public}",
                fix="call the service by one of these; to offer it to others, start it with --host or --public-host",
                reason="host",
            )

    def _check(self, scope: Scope, headers: Headers) -> None:
        # Under our Referrer-Policy a form says Origin: null; and who has the token may send it from anywhere.
        if scope["method"] not in SAFE and scope["path"] != "/login" and not _own_origin(headers):
            raise ApiError(
                403,
                "the request comes from a page of another site",
                expected="a page of this service, or no page",
                fix="send it from the start page, or from a program with the header `Authorization: Bearer TOKEN`",
                reason="origin",
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

    def _let_in(self, scope: Scope, headers: Headers, client: str) -> bool:
        """Whether the token, or the cookie of who has shown it, is there. Raises ApiError (429)."""
        if self._token is None or self._has_cookie(headers):
            return True
        given = headers.get("authorization")
        if given is None and scope["path"] != "/login":
            return False
        refuse_waiting(self._wrong, client)
        if given is None:
            return False
        kind, _, secret = given.partition(" ")
        right = kind.lower() == "bearer" and same(secret.strip(), self._token)
        if not right:
            self._wrong.add(client)
        return right

    def _has_cookie(self, headers: Headers) -> bool:
        """A wrong one is not counted: a browser keeps sending that of a token of yesterday, and none can be guessed."""
        assert self._token is not None
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        return COOKIE in cookies and same(cookies[COOKIE].value, cookie_of(self._token))


def refuse_waiting(wrong: Recent, client: str) -> None:
    """Refuse a client that has sent too many wrong tokens, before its next one is looked at.

    Args:
        wrong: counts wrong tokens.
        client: its address.

    Raises:
        ApiError: it must wait (429).
    """
    if wait := math.ceil(wrong.wait(client)):
        raise ApiError(
            429,
            "too many wrong tokens came from this address",
            expected="the token of this service",
            fix=f"wait {wait} seconds, then send the token that `interplay serve` printed when it started",
            reason="wrong tokens",
            headers={"Retry-After": str(wait)},
        )


def client_of(scope: Scope) -> str:
    """Whose request it is: an IPv4 address, or of an IPv6 address the half that stands for one network.

    >>> client_of({"client": ("2001:db8:1:2:3::4", 80)}), client_of({"client": ("192.0.2.7", 80)})
    ('2001:db8:1:2::/64', '192.0.2.7')

    Args:
        scope: the request's ASGI scope.
    """
    address = (scope.get("client") or ("",))[0]
    try:
        return str(ip_network((address, 64), strict=False)) if ":" in address else address
    except ValueError:
        return address


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


def _own_origin(headers: Headers) -> bool:
    """Whether a request that changes something comes from our own page, or from no page at all."""
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "none") in ("none", "same-origin")
    return urlsplit(origin).netloc == headers.get("host") != ""
