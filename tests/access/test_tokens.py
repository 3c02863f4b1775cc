"""Verifying tokens, without a database. `tests/routes/test_sign_in.py` signs users in."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from svc.access import key_sets
from svc.access.key_sets import KeySetError, VerificationKey, parse_key_set, read_key_set
from svc.access.token_keys import TokenKeys
from svc.access.tokens import TokenVerifier, token_verifier
from svc.background import Background
from svc.errors import StartupError, UnauthenticatedError, UnavailableError
from svc.settings import load_settings
from tests.access.identity_provider import (
    AUDIENCE,
    EC_KEY,
    ISSUER,
    KEYS,
    OTHER_RSA_KEY,
    RSA_KEY,
    Provider,
    key_set,
    public,
    running_provider,
    token,
)
from tests.conftest import test_settings

Read = Callable[[], Awaitable[list[VerificationKey]]]


async def _all_keys() -> list[VerificationKey]:
    return parse_key_set(key_set())


def verifier(read: Read = _all_keys, now_s: Callable[[], float] = time.monotonic) -> TokenVerifier:
    return TokenVerifier(ISSUER, AUDIENCE, TokenKeys(read, Background(), "keys", now_s))


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[Provider]:
    async with running_provider() as running:
        yield running


def encoded(value: Any) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


# --- accepted tokens


@pytest.mark.parametrize("algorithm", KEYS)
async def test_a_valid_token_names_its_subject(algorithm: str) -> None:
    subject = await verifier().verify(token("auth0|ada", algorithm=algorithm, exp=4102444800))
    assert subject.external_id == "auth0|ada"
    assert subject.expires_at.year == 2100
    assert (subject.email, subject.name) == (None, None)


async def test_an_address_is_taken_only_if_it_is_verified() -> None:
    claims: dict[str, Any] = {"email": "ada@example.org", "name": "Ada"}
    for verified, expected in ((True, "ada@example.org"), (False, None), ("true", None), (None, None)):
        subject = await verifier().verify(token(email_verified=verified, **claims))
        assert (subject.email, subject.name) == (expected, "Ada")


async def test_clocks_may_differ_by_half_a_minute() -> None:
    now = int(time.time())
    await verifier().verify(token(exp=now - 15))
    await verifier().verify(token(nbf=now + 15, iat=now + 15))
    await verifier().verify(token(aud=["other", AUDIENCE]))


# --- refused tokens

NOW = int(time.time())
REFUSED: dict[str, tuple[str, str]] = {
    "expired": (token(exp=NOW - 60), "has expired"),
    "not yet valid": (token(nbf=NOW + 3600), "not valid yet"),
    "issued in the future": (token(iat=NOW + 3600), "not valid yet"),
    "another audience": (token(aud="other"), "another audience"),
    "no audience": (token(aud=None), "lacks the claim aud"),
    "an empty audience": (token(aud=[]), "lacks the claim aud"),
    "another issuer": (token(iss="https://id.example.org"), "another issuer"),
    "a list of issuers": (token(iss=[ISSUER]), "issuer"),
    "no issuer": (token(iss=None), "lacks the claim iss"),
    "no expiry": (token(exp=None), "lacks the claim exp"),
    "a wrong expiry": (token(exp="tomorrow"), "malformed"),
    "an expiry that is a text": (token(exp=str(NOW + 3600)), "is not a number"),
    "an expiry in other digits": (token(exp="\u0664" * 10), "is not a number"),
    "an expiry that is true": (token(exp=True), "expired"),
    "an expiry that never comes": (token(exp=float("inf")), "malformed"),
    "an expiry that is not a number": (token(exp=float("nan")), "malformed"),
    "a beginning that is a text": (token(nbf="1"), "is not a number"),
    "a date of issue that is true": (token(iat=True), "is not a number"),
    "no subject": (token(None), "lacks the claim sub"),
    "a subject that is a number": (token(42), "is not a text"),
    "an empty subject": (token(""), "cannot be the external id"),
    "a subject with a line break": (token("a\nb"), "cannot be the external id"),
    "a subject with a zero": (token("a\0"), "cannot be the external id"),
    "a long subject": (token("a" * 256), "cannot be the external id"),
    "half a pair of surrogates": (token("\ud800"), "cannot be the external id"),
    "another key of this name": (token(key=OTHER_RSA_KEY), "signature of the token is wrong"),
    "an unknown key": (token(head={"kid": "unknown"}), "does not have"),
    "the path of a file for a key": (token(head={"kid": "../../../../dev/null"}), "does not have"),
    "a key that comes with the token": (
        token(key=OTHER_RSA_KEY, head={"jwk": public("rsa", OTHER_RSA_KEY)}),
        "signature of the token is wrong",
    ),
    "a key at an address in the token": (
        token(key=OTHER_RSA_KEY, head={"jku": "http://127.0.0.1:1/keys", "x5u": "http://127.0.0.1:1/certificate"}),
        "signature of the token is wrong",
    ),
    "a key of another kind": (token(head={"kid": "ec"}), "does not have"),
    "a long name of a key": (token(head={"kid": "k" * 300}), "malformed"),
    "a critical extension": (token(head={"crit": ["exp"], "exp": 1}), "malformed"),
    "RS512": (token(algorithm="RS512", key=RSA_KEY), "must be signed with RS256"),
    "ES384": (token(algorithm="ES384", key=ec.generate_private_key(ec.SECP384R1())), "must be signed with RS256"),
    "16 KiB": (token(padding="x" * 20_000), "more than 16,384 characters"),
    "deep JSON": (f"{encoded(b'[' * 6000)}.e30.e30", "malformed"),
    "no JSON": ("a.b.c", "malformed"),
    "empty parts": ("..", "malformed"),
    "a head that is a list": (f"{encoded([])}.e30.e30", "malformed"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
async def test_the_error_names_the_fault_of_a_token(case: str) -> None:
    given, reason = REFUSED[case]
    with pytest.raises(UnauthenticatedError) as caught:
        await verifier().verify(given)
    assert reason in caught.value.detail
    assert "jwt" not in caught.value.detail.lower()


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", "HS256", "hs256"])
async def test_no_signature_and_a_symmetric_one_are_refused(algorithm: str) -> None:
    """Known attacks: no signature, and an HMAC signature with the public key, which everybody knows."""
    pem = RSA_KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    claims = {"sub": "ada", "iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 86_400}
    signed = f"{encoded({'alg': algorithm, 'typ': 'JWT', 'kid': 'rsa'})}.{encoded(claims)}"
    for secret in (pem, pem.strip(), key_set()):
        signature = encoded(hmac.new(secret, signed.encode(), hashlib.sha256).digest())
        for forged in (f"{signed}.{signature}", f"{signed}."):
            with pytest.raises(UnauthenticatedError, match="must be signed with RS256, PS256, ES256 or EdDSA"):
                await verifier().verify(forged)


async def test_a_changed_token_is_refused() -> None:
    head, body, signature = token().split(".")
    other = token("eve").split(".")[1]
    for forged in (f"{head}.{other}.{signature}", f"{head}.{body}.", f"{head}.{body}.{signature[:-4]}"):
        with pytest.raises(UnauthenticatedError):
            await verifier().verify(forged)


# --- the keys


async def test_a_token_without_the_name_of_a_key_needs_a_clear_one() -> None:
    await verifier().verify(token(head={"kid": None}))

    async def two() -> list[VerificationKey]:
        return parse_key_set(key_set(public("a", RSA_KEY), public("b", OTHER_RSA_KEY)))

    with pytest.raises(UnauthenticatedError, match="names no key"):
        await verifier(two).verify(token(head={"kid": None}))


def test_only_public_keys_that_can_verify_are_kept() -> None:
    secret = {"kty": "oct", "kid": "oct", "k": encoded(b"x" * 32), "alg": "HS256"}
    small = public("small", rsa.generate_private_key(65537, 1024))
    unusable: list[Any] = [
        secret, small, public("enc", RSA_KEY, use="enc"), public("rs512", RSA_KEY, alg="RS512"), {}, 5, None,
        public("p384", ec.generate_private_key(ec.SECP384R1())), {"kty": "RSA", "n": "x", "e": "y"}, {"kty": ["RSA"]},
        {"kty": "RSA", "n": 5, "e": None}, {"kty": "EC", "crv": "P-256", "x": "", "y": ""},
        {**public("x", EC_KEY), "kid": 5},
    ]  # fmt: skip
    keys = parse_key_set(key_set(public("rsa", RSA_KEY, alg="PS256"), *unusable))
    assert [(key.key_id, set(key.algorithms)) for key in keys] == [("rsa", {"PS256"})]
    for each in unusable:
        with pytest.raises(KeySetError, match="no public key"):
            parse_key_set(json.dumps({"keys": [each]}).encode())


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"keys": 5}', b'{"keys": {}}', b"\xff", b"[" * 100_000, b"null"])
def test_an_invalid_key_set_is_refused(body: bytes) -> None:
    with pytest.raises(KeySetError):
        parse_key_set(body)


async def test_rotated_keys_are_fetched_at_most_once_in_ten_seconds(provider: Provider) -> None:
    clock = [1000.0]
    tokens = verifier(lambda: read_key_set(provider.url), lambda: clock[0])
    await asyncio.gather(*(tokens.verify(token()) for _ in range(20)))
    assert provider.asked == 1
    provider.serve(key_set(public("new", OTHER_RSA_KEY)))
    rotated = token(key=OTHER_RSA_KEY, head={"kid": "new"})
    for number in range(20):
        with pytest.raises(UnauthenticatedError):
            await tokens.verify(token(head={"kid": f"unknown {number}"}))
        with pytest.raises(UnauthenticatedError):
            await tokens.verify(rotated)
    assert provider.asked == 1
    clock[0] += 11
    with pytest.raises(UnauthenticatedError):
        await tokens.verify(rotated + "x", may_fetch=False)
    assert provider.asked == 1
    await tokens.verify(rotated)
    assert provider.asked == 2
    with pytest.raises(UnauthenticatedError):
        await tokens.verify(token())


async def test_old_keys_are_renewed_behind_the_scenes_and_forgotten_after_a_day(provider: Provider) -> None:
    clock = [1000.0]
    tokens = verifier(lambda: read_key_set(provider.url), lambda: clock[0])
    await tokens.verify(token())
    provider.serve(b"", "500 Internal Server Error")
    clock[0] += 601
    await tokens.verify(token())
    await tokens.stop()
    clock[0] += 85_000
    await tokens.verify(token())
    await tokens.stop()
    clock[0] += 1500
    with pytest.raises(UnavailableError):
        await tokens.verify(token())


BROKEN: dict[str, tuple[bytes, str, tuple[str, ...], str]] = {
    "an error": (b"", "500 Internal Server Error", (), "answered 500"),
    "a redirect": (b"", "302 Found", ("Location: {url}",), "redirects are not followed"),
    "huge": (b'{"keys": [' + b" " * 300_000 + b"]}", "200 OK", (), "more than 262,144 bytes"),
    "compressed": (gzip.compress(b" " * 10_000_000), "200 OK", ("Content-Encoding: gzip",), "compressed"),
    "a page": (b"<html>", "200 OK", (), "is not a JWK Set"),
    "no keys": (b'{"keys": []}', "200 OK", (), "no public key"),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_a_provider_that_does_not_serve_its_keys(provider: Provider, case: str) -> None:
    body, status, headers, reason = BROKEN[case]
    async with running_provider() as elsewhere:
        provider.serve(body, status, *(header.format(url=elsewhere.url) for header in headers))
        with pytest.raises(KeySetError, match=reason):
            await read_key_set(provider.url)
        tokens = verifier(lambda: read_key_set(provider.url))
        for _ in range(5):
            with pytest.raises(UnavailableError, match="cannot be read now"):
                await tokens.verify(token())
        assert (provider.asked, elsewhere.asked) == (2, 0)


async def test_a_slow_provider_and_one_that_is_away(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_sets, "_TIMEOUT_S", 0.2)
    provider.wait_s = 2.0
    with pytest.raises(KeySetError, match="did not answer within"):
        await read_key_set(provider.url)
    async with running_provider() as gone:
        url = gone.url
    with pytest.raises(KeySetError, match="cannot be fetched"):
        await read_key_set(url)


async def test_keys_in_a_file_must_be_there_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    settings = test_settings(jwt_issuer=ISSUER, jwt_audience=AUDIENCE, jwt_jwks_file=file)
    with pytest.raises(StartupError, match=r"keys\.json cannot be read: No such file"):
        await token_verifier(settings, Background())
    file.write_bytes(b" " * 300_000)
    with pytest.raises(StartupError, match="more than 262,144 bytes"):
        await token_verifier(settings, Background())
    file.write_bytes(key_set())
    tokens = await token_verifier(settings, Background())
    assert tokens is not None
    assert (await tokens.verify(token())).external_id == "ada"
    assert await token_verifier(test_settings(), Background()) is None


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"jwt_issuer": ISSUER}, "CABINET_JWT_AUDIENCE must also be set"),
        ({"jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}, "CABINET_JWT_JWKS_URL or CABINET_JWT_JWKS_FILE"),
        (
            {"jwt_jwks_url": "https://id.example.org/keys"},
            "CABINET_JWT_ISSUER and CABINET_JWT_AUDIENCE must also be set",
        ),
        ({"jwt_create_users": "true"}, "CABINET_JWT_ISSUER and CABINET_JWT_AUDIENCE must also be set"),
        ({"jwt_jwks_url": "ftp://x", "jwt_issuer": "a", "jwt_audience": "b"}, "must begin with http"),
        (
            {"jwt_issuer": "a", "jwt_audience": "b", "jwt_jwks_url": "https://x", "jwt_jwks_file": "/x"},
            "CABINET_JWT_JWKS_URL or CABINET_JWT_JWKS_FILE",
        ),
    ],
)
def test_settings_that_verify_nothing_are_refused(flags: dict[str, str], said: str) -> None:
    with pytest.raises(StartupError, match=said):
        load_settings(**flags)
