"""An OpenID Connect issuer on this machine, with real keys, and tokens of every kind made by it."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

MAKERS = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}


def new_key(algorithm, bits=2048):
    match algorithm:
        case "RS256":
            return rsa.generate_private_key(public_exponent=65537, key_size=bits)
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate()


def public_jwk(kid, key, algorithm, **more):
    made = json.loads(MAKERS[algorithm].to_jwk(key.public_key()))
    return {**made, "kid": kid, "alg": algorithm, "use": "sig", **more}


class Issuer:
    """`keys` are those it signs with, by kid; `jwks` is what it publishes of them."""

    def __init__(self, url):
        self.url = url
        self.keys, self.jwks, self.asked = {}, [], []
        self.down, self.says, self.pad = False, {}, ""

    def add(self, kid, algorithm="RS256"):
        self.keys[kid] = (new_key(algorithm), algorithm)
        self.jwks.append(public_jwk(kid, *self.keys[kid]))

    def drop(self, kid):
        del self.keys[kid]
        self.jwks = [key for key in self.jwks if key["kid"] != kid]

    def answer(self, path):
        self.asked.append(path)
        if self.down:
            return 503, b""
        if path == "/.well-known/openid-configuration":
            found = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"} | self.says
            return 200, json.dumps(found).encode()
        if path == "/keys":
            return 200, json.dumps({"keys": self.jwks, "pad": self.pad}).encode()
        return 404, b""

    def token(self, subject="li", kid="one", *, header=(), **claims):
        """A good token, unless `claims` or `header` say otherwise; a claim of None is left out."""
        key, algorithm = self.keys[kid]
        now = int(time.time())
        told = {"iss": self.url, "aud": "cardcourier", "sub": subject, "iat": now, "exp": now + 300} | claims
        told = {name: value for name, value in told.items() if value is not None}
        return jwt.encode(told, key, algorithm, headers={"kid": kid, **dict(header)})


@contextmanager
def issuer():
    class Door(BaseHTTPRequestHandler):
        def do_GET(self):
            status, body = running.answer(self.path)
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    running = Issuer(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
