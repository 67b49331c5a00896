"""The authorizer as it is deployed, with real keys: whose tokens it believes, and what they let through."""

import base64
import importlib.util
import json
import os
import sys
import unittest
from pathlib import Path

from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

spec = importlib.util.spec_from_file_location("authorizer", Path(sys.argv.pop(1)))
authorizer = importlib.util.module_from_spec(spec)
spec.loader.exec_module(authorizer)

ISSUER = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abcdefghi"
AUDIENCE = "portal-client"
CLAIM = "cognito:username"
NOW = 1_800_000_000
ARN = "arn:aws:execute-api:eu-west-1:111122223333:a1b2c3d4e5/studio/GET/users/ann/url"

OURS = rsa.generate_private_key(65537, 2048)
THEIRS = rsa.generate_private_key(65537, 2048)
SHORT = rsa.generate_private_key(65537, 1024)


def encoded(data):
    if not isinstance(data, bytes):
        data = json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value):
    return encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def jwk(key, kid, **more):
    public = key.public_key().public_numbers()
    return {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": kid, "n": number(public.n), "e": number(public.e), **more}


def token(claims=(), header=(), key=OURS, sign=None):
    header = {"alg": "RS256", "typ": "JWT", "kid": "ours", **dict(header)}
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": NOW + 3600,
        "iat": NOW - 5,
        "token_use": "id",
        CLAIM: "ann",
        **dict(claims),
    }
    claims = {name: value for name, value in claims.items() if value is not None}
    message = f"{encoded(header)}.{encoded(claims)}"
    sign = sign or (lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA256()))
    return f"{message}.{encoded(sign(message.encode()))}"


class Provider:
    """The provider's two documents, and how often they were asked for."""

    def __init__(self, *keys, issuer=ISSUER):
        self.keys = list(keys) or [jwk(OURS, "ours")]
        self.issuer = issuer
        self.asked = 0

    def fetch(self, url):
        self.asked += 1
        if url == f"{ISSUER}/.well-known/openid-configuration":
            return {"issuer": self.issuer, "jwks_uri": f"{ISSUER}/.well-known/jwks.json"}
        if url == f"{ISSUER}/.well-known/jwks.json":
            return {"keys": self.keys}
        raise AssertionError(url)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def event(shown, user="ann", **headers):
    if shown is not None:
        headers["authorization"] = f"Bearer {shown}"
    return {"methodArn": ARN, "headers": headers, "pathParameters": {"user": user}}


def decide(shown, user="ann", provider=None, claim=CLAIM, now=NOW):
    keys = authorizer.Keys(ISSUER, (provider or Provider()).fetch, Clock())
    return authorizer.decide(event(shown, user), keys, ISSUER, AUDIENCE, claim, now)


class Believes(unittest.TestCase):
    def allowed(self, *args, **kwargs):
        decision = decide(*args, **kwargs)
        statement = decision["policyDocument"]["Statement"][0]
        self.assertEqual(statement["Resource"], ARN)
        return decision["context"]["user"], statement["Effect"]

    def test_a_user_may_have_their_own_url(self):
        self.assertEqual(self.allowed(token()), ("ann", "Allow"))

    def test_nobody_elses(self):
        self.assertEqual(self.allowed(token(), user="bob"), ("ann", "Deny"))
        self.assertEqual(self.allowed(token(), user="Ann"), ("ann", "Deny"))
        self.assertEqual(self.allowed(token(), user="*"), ("ann", "Deny"))

    def test_one_of_several_audiences_is_enough(self):
        self.assertEqual(self.allowed(token({"aud": ["other", AUDIENCE]})), ("ann", "Allow"))

    def test_clocks_may_differ_a_little(self):
        self.assertEqual(self.allowed(token({"exp": NOW - 10})), ("ann", "Allow"))
        self.assertEqual(self.allowed(token({"iat": NOW + 10})), ("ann", "Allow"))

    def test_the_user_is_in_the_claim_that_was_chosen(self):
        claims = {"email": "ann@corp.example", "email_verified": True}
        shown = token(claims)
        for path in ("ann@corp.example", "ann%40corp.example"):
            self.assertEqual(self.allowed(shown, user=path, claim="email"), ("ann@corp.example", "Allow"))
        for path in ("ann%2540corp.example", "ann", "ann@corp.example%00", "bob@corp.example"):
            self.assertEqual(self.allowed(shown, user=path, claim="email"), ("ann@corp.example", "Deny"))

    def test_what_names_may_hold_may_stand_in_a_path_in_either_way(self):
        name = "a.b_c+d=e-f@corp.example"
        for path in (name, "a.b_c%2Bd%3De-f%40corp.example"):
            self.assertEqual(self.allowed(token({CLAIM: name}), user=path), (name, "Allow"))
        self.assertEqual(self.allowed(token({CLAIM: "ann b".replace(" ", "+")}), user="ann b"), ("ann+b", "Deny"))


class Refuses(unittest.TestCase):
    def refused(self, shown, why, **kwargs):
        with self.assertRaisesRegex(authorizer.Refused, why):
            decide(shown, **kwargs)

    def test_a_token_that_has_run_out(self):
        self.refused(token({"exp": NOW - 31}), "run out")
        self.refused(token({"exp": None}), "run out")
        self.refused(token({"exp": "never"}), "run out")
        self.refused(token({"exp": True}), "run out")

    def test_a_token_that_is_not_valid_yet(self):
        self.refused(token({"nbf": NOW + 60}), "not valid yet")
        self.refused(token({"iat": NOW + 60}), "not valid yet")

    def test_another_providers_token(self):
        self.refused(token({"iss": ISSUER.replace("abc", "xyz")}), "another provider")
        self.refused(token({"iss": ISSUER + "/"}), "another provider")

    def test_a_token_made_for_somebody_else(self):
        self.refused(token({"aud": "other"}), "somebody else")
        self.refused(token({"aud": None}), "somebody else")
        self.refused(token({"aud": []}), "somebody else")

    def test_an_access_token(self):
        self.refused(token({"token_use": "access"}), "not an ID token")

    def test_a_token_signed_with_another_key(self):
        self.refused(token(key=THEIRS), "signature is wrong")
        self.refused(token(header={"kid": "theirs"}, key=THEIRS), "no key of the provider")
        self.refused(token(header={"kid": None}), "no key of the provider")

    def test_claims_that_were_changed_after_signing(self):
        head, _, signature = token().split(".")
        claims = encoded({"iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 60, CLAIM: "bob"})
        self.refused(f"{head}.{claims}.{signature}", "signature is wrong")

    def test_an_unsigned_token(self):
        for name in ("none", "None", "NONE"):
            self.refused(token(header={"alg": name}, sign=lambda _: b""), "RS256")
        head, claims, _ = token().split(".")
        self.refused(f"{head}.{claims}.", "signature is wrong")
        self.refused(f"{head}.{claims}", "not a signed token")

    def test_a_public_key_taken_for_a_secret(self):
        public = OURS.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

        def sign(data):
            made = hmac.HMAC(public, hashes.SHA256())
            made.update(data)
            return made.finalize()

        self.refused(token(header={"alg": "HS256"}, sign=sign), "RS256")

    def test_another_padding_or_digest(self):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        self.refused(token(sign=lambda data: OURS.sign(data, pss, hashes.SHA256())), "signature is wrong")
        old = padding.PKCS1v15()
        self.refused(token(sign=lambda data: OURS.sign(data, old, hashes.SHA1())), "signature is wrong")

    def test_a_signature_with_something_before_or_behind(self):
        head, claims, signature = token().split(".")
        made = base64.urlsafe_b64decode(signature + "==")
        self.refused(f"{head}.{claims}.{encoded(made + bytes(1))}", "signature is wrong")
        self.refused(f"{head}.{claims}.{encoded(bytes(1) + made)}", "signature is wrong")
        modulus = OURS.public_key().public_numbers().n
        larger = (int.from_bytes(made, "big") + modulus).to_bytes(257, "big")
        self.refused(f"{head}.{claims}.{encoded(larger)}", "signature is wrong")

    def test_a_key_that_is_short_or_for_something_else(self):
        self.refused(token(key=SHORT), "signature is wrong", provider=Provider(jwk(SHORT, "ours")))
        self.refused(token(), "signature is wrong", provider=Provider(jwk(OURS, "ours", use="enc")))
        self.refused(token(), "signature is wrong", provider=Provider(jwk(OURS, "ours", kty="oct")))

    def test_a_header_that_asks_for_more_than_we_know(self):
        self.refused(token(header={"crit": ["exp"]}), "RS256")

    def test_what_is_no_token(self):
        for shown in ("", "a.b", "a.b.c.d", "!.e30.e30", "e30.e30.e30", "W10.e30.e30", "\u00e9.e30.e30"):
            with self.assertRaises(authorizer.Refused, msg=shown):
                decide(shown)

    def test_a_request_without_a_token_or_with_two(self):
        keys = authorizer.Keys(ISSUER, Provider().fetch, Clock())
        for headers in ({}, None, {"Authorization": token(), "authorization": token()}):
            with self.assertRaisesRegex(authorizer.Refused, "no token"):
                request = {"methodArn": ARN, "headers": headers, "pathParameters": {"user": "ann"}}
                authorizer.decide(request, keys, ISSUER, AUDIENCE, CLAIM, NOW)

    def test_a_user_whose_name_would_be_read_as_more(self):
        for name in ("*", "a*", "a/b", "", "..", "a b", 7, None, ["ann"]):
            self.refused(token({CLAIM: name}), "names no user", user=str(name))

    def test_a_mail_address_that_nobody_verified(self):
        self.refused(token({"email": "ann@corp.example"}), "not verified", claim="email")

    def test_a_provider_that_calls_itself_something_else(self):
        self.refused(token(), "another name", provider=Provider(issuer="https://evil.example"))


class Asks(unittest.TestCase):
    def test_the_providers_keys_are_kept(self):
        provider, clock = Provider(), Clock()
        keys = authorizer.Keys(ISSUER, provider.fetch, clock)
        for _ in range(3):
            keys.get("ours")
        self.assertEqual(provider.asked, 2)

    def test_a_new_key_is_learnt_but_not_at_every_request(self):
        provider, clock = Provider(), Clock()
        keys = authorizer.Keys(ISSUER, provider.fetch, clock)
        keys.get("ours")
        provider.keys.append(jwk(THEIRS, "new"))
        for _ in range(5):
            with self.assertRaises(authorizer.Refused):
                keys.get("new")
        self.assertEqual(provider.asked, 2)
        clock.now += authorizer.REFRESH
        self.assertEqual(keys.get("new")["kid"], "new")

    def test_only_https_is_asked(self):
        with self.assertRaises(authorizer.Refused):
            authorizer.fetch("http://cognito-idp.eu-west-1.amazonaws.com/keys")
        with self.assertRaises(authorizer.Refused):
            authorizer.fetch("file:///etc/passwd")


class Answers(unittest.TestCase):
    def setUp(self):
        os.environ.update(ISSUER=ISSUER, AUDIENCE=AUDIENCE, USER_CLAIM=CLAIM)
        authorizer.KEYS = authorizer.Keys(ISSUER, Provider().fetch, Clock())

    def test_api_gateway_is_told_unauthorized_and_nothing_else(self):
        for shown in (None, "x", token(header={"alg": "none"})):
            with self.assertRaises(Exception) as told:
                authorizer.handler(event(shown), None)
            self.assertEqual(str(told.exception), "Unauthorized")

    def test_nor_does_it_fail_otherwise_when_the_provider_does(self):
        def fetch(_):
            raise OSError("unreachable")

        authorizer.KEYS = authorizer.Keys(ISSUER, fetch, Clock())
        with self.assertRaises(Exception) as told:
            authorizer.handler(event(token()), None)
        self.assertEqual(str(told.exception), "Unauthorized")


if __name__ == "__main__":
    unittest.main()
