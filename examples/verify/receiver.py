#!/usr/bin/env python3
"""A receiver in Python, standard library alone: python3 receiver.py 9101, with the secret in CALLBOX_SECRET."""
import base64, hashlib, hmac, os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def is_from_callbox(secret: str, headers, body: bytes) -> bool:
    """`secret` is the destination's whsec_… text, `body` the bytes as they arrived."""
    stamp = headers.get("webhook-timestamp", "")
    if not stamp.isdigit() or abs(time.time() - int(stamp)) > 300:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f'{headers.get("webhook-id", "")}.{stamp}.'.encode() + body
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(wanted, given) for given in headers.get("webhook-signature", "").split())


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        good = is_from_callbox(os.environ["CALLBOX_SECRET"], self.headers, body)
        # Keep the event here, once for each webhook-id, and answer 2xx only when it is kept.
        self.send_response(200 if good else 401)
        self.end_headers()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
