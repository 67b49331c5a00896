"""Who calls the portal's API, and may they: an API Gateway authorizer of type REQUEST.

The caller shows an ID token of the corporate identity provider, as `Authorization: Bearer TOKEN`. It is believed if the
provider signed it (RS256, a key of the provider's own key set), for this portal, and if it has not run out. Then its
user may call the paths below /users/USER/, and nobody else's.

The function stands outside the VPC: it reads the provider's public keys over the internet, which the VPC has no way to.
It needs no permission at all. Environment:

ISSUER      the provider: https://cognito-idp.REGION.amazonaws.com/POOL, or any OpenID Connect issuer
AUDIENCE    the client id that tokens have to be made for
USER_CLAIM  the claim that names the user: cognito:username, email, preferred_username, sub
"""

import base64
import binascii
import hashlib
import json
import os
import re
import time
import urllib.parse
import urllib.request

# Clocks of the provider and of Lambda may differ by this many seconds.
LEEWAY = 30
# What a user may be called. Nothing that a policy or a path reads as more than itself.
USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+=-]{0,127}")
# DER of DigestInfo for SHA-256, before the digest itself: RFC 8017, section 9.2, note 1.
SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")
# Shorter keys are not trusted: NIST SP 800-131A.
SHORTEST_KEY_BITS = 2048
# An unknown key id makes us ask the provider again, but not more often than this many seconds.
REFRESH = 60


class Refused(Exception):
    """The token is not to be believed, and why. The caller learns only that."""


class Keys:
    """The provider's public keys, by their ids; asked for when first needed."""

    def __init__(self, issuer, fetch, now):
        self.issuer = issuer
        self.fetch = fetch
        self.now = now
        self.known = {}
        self.asked = None

    def get(self, key_id):
        stale = self.asked is None or self.now() - self.asked >= REFRESH
        if key_id not in self.known and stale:
            self.asked = self.now()
            found = self.fetch(self.issuer.rstrip("/") + "/.well-known/openid-configuration")
            if found.get("issuer") != self.issuer:
                raise Refused("the provider calls itself by another name")
            keys = self.fetch(found["jwks_uri"]).get("keys", [])
            self.known = {key["kid"]: key for key in keys if "kid" in key}
        try:
            return self.known[key_id]
        except KeyError:
            raise Refused("signed with no key of the provider") from None


def fetch(url):
    """The JSON behind a URL of the provider."""
    if not url.startswith("https://"):
        raise Refused("the provider's keys are not behind https")
    with urllib.request.urlopen(url, timeout=3) as answer:
        return json.loads(answer.read(1 << 20))


def decoded(part):
    """The bytes behind base64url without padding: RFC 7515, appendix C."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*", part):
        raise Refused("not base64url")
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error:
        raise Refused("not base64url") from None


def json_object(data):
    try:
        value = json.loads(data)
    except (UnicodeDecodeError, ValueError):
        raise Refused("not JSON") from None
    if not isinstance(value, dict):
        raise Refused("not a JSON object")
    return value


def is_signed(key, message, signature):
    """Whether the key made this RSASSA-PKCS1-v1_5 signature with SHA-256: RFC 8017, section 8.2.2.

    The expected encoding is made and compared whole; the signature's own is never parsed.
    """
    if key.get("kty") != "RSA" or key.get("use", "sig") != "sig" or key.get("alg", "RS256") != "RS256":
        return False
    modulus = int.from_bytes(decoded(key["n"]), "big")
    exponent = int.from_bytes(decoded(key["e"]), "big")
    length = (modulus.bit_length() + 7) // 8
    value = int.from_bytes(signature, "big")
    if modulus.bit_length() < SHORTEST_KEY_BITS or exponent < 3 or len(signature) != length or value >= modulus:
        return False
    digest = SHA256_PREFIX + hashlib.sha256(message).digest()
    expected = b"\x00\x01" + b"\xff" * (length - len(digest) - 3) + b"\x00" + digest
    return pow(value, exponent, modulus).to_bytes(length, "big") == expected


def claims_of(token, keys, issuer, audience, now):
    """The claims of a token that is to be believed."""
    parts = token.split(".")
    if len(parts) != 3:
        raise Refused("not a signed token")
    header = json_object(decoded(parts[0]))
    # The algorithm is ours to choose, not the token's: `none` and HMAC with a public key are the classic traps.
    if header.get("alg") != "RS256" or "crit" in header:
        raise Refused("not signed with RS256")
    key = keys.get(header.get("kid"))
    if not is_signed(key, f"{parts[0]}.{parts[1]}".encode("ascii"), decoded(parts[2])):
        raise Refused("the signature is wrong")
    claims = json_object(decoded(parts[1]))
    if claims.get("iss") != issuer:
        raise Refused("of another provider")
    audiences = claims.get("aud")
    if audience not in (audiences if isinstance(audiences, list) else [audiences]):
        raise Refused("made for somebody else")
    # Cognito's access tokens have no audience; what says that it is something else than an ID token is.
    if claims.get("token_use", "id") != "id":
        raise Refused("not an ID token")
    if not is_time(claims.get("exp")) or claims["exp"] <= now - LEEWAY:
        raise Refused("it has run out")
    for begin in ("nbf", "iat"):
        if begin in claims and (not is_time(claims[begin]) or claims[begin] > now + LEEWAY):
            raise Refused("it is not valid yet")
    return claims


def is_time(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def user_of(claims, claim):
    user = claims.get(claim)
    # An address that the provider never checked could be anybody's.
    if claim == "email" and claims.get("email_verified") not in (True, "true"):
        raise Refused("the mail address is not verified")
    if not isinstance(user, str) or not USER.fullmatch(user):
        raise Refused("it names no user")
    return user


def bearer(headers):
    values = [value for name, value in (headers or {}).items() if name.lower() == "authorization"]
    if len(values) != 1:
        raise Refused("there is no token")
    scheme, _, token = values[0].strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else values[0].strip()


def decide(event, keys, issuer, audience, claim, now):
    """The policy for one request: that user's own paths, or none."""
    user = user_of(claims_of(bearer(event.get("headers")), keys, issuer, audience, now), claim)
    # API Gateway hands on what was sent, with an `@` as `%40` where the caller wrote it so.
    own = urllib.parse.unquote((event.get("pathParameters") or {}).get("user") or "") == user
    return {
        "principalId": user,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow" if own else "Deny",
                    "Action": "execute-api:Invoke",
                    "Resource": event["methodArn"],
                }
            ],
        },
        "context": {"user": user},
    }


KEYS = None


def handler(event, _context):
    global KEYS
    issuer = os.environ["ISSUER"]
    if KEYS is None or KEYS.issuer != issuer:
        KEYS = Keys(issuer, fetch, time.monotonic)
    try:
        return decide(event, KEYS, issuer, os.environ["AUDIENCE"], os.environ["USER_CLAIM"], time.time())
    except Refused as why:
        # The reason is for the log; the token is for nobody.
        print(json.dumps({"refused": str(why)}))
    except Exception as error:
        print(json.dumps({"failed": type(error).__name__}))
    # API Gateway answers 401 to this word, and 500 to any other.
    raise Exception("Unauthorized")
