#!/usr/bin/env python3
"""A registry that misbehaves on purpose: the first part of a repository's name says how (/v2/BEHAVIOUR/app/…).

    misbehaving_registry.py LOG BLOB [CERTIFICATE KEY]

Serves BLOB, whatever digest is asked for, on a loopback port that it prints; every request becomes a JSON line in LOG.
"""
import collections
import http.server
import json
import ssl
import sys
import threading

BLOB = open(sys.argv[2], "rb").read()
LOG = open(sys.argv[1], "a", encoding="utf-8")
MANIFEST = json.dumps({"schemaVersion": 2, "layers": [], "config": {}}).encode()
COUNTS = collections.Counter()
UPLOADS = collections.defaultdict(bytes)
LOCK = threading.Lock()
BEHAVIOURS = {}


def behaviour(function):
    BEHAVIOURS[function.__name__.replace("_", "-")] = function
    return function


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def start(self):
        """Which request of its repository this is, from 1."""
        name = self.path.split("/")[2] if self.path.startswith("/v2/") else ""
        with LOCK:
            COUNTS[name] += 1
            LOG.write(json.dumps({"method": self.command, "path": self.path, "headers": dict(self.headers)}) + "\n")
            LOG.flush()
            return name, COUNTS[name]

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def offset(self):
        wanted = self.headers.get("Range")
        return int(wanted.split("=")[1].rstrip("-")) if wanted else 0

    def partly(self, count, offset=None):
        """Promises the blob from the offset on, sends so many bytes of it and cuts the connection."""
        first = self.offset() if offset is None else offset
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(BLOB) - 1}/{len(BLOB)}")
        self.send_header("Content-Length", str(len(BLOB) - first))
        self.end_headers()
        self.wfile.write(BLOB[first:first + count])
        self.close_connection = True

    def stall(self):
        """Holds the connection until the client gives up."""
        self.connection.settimeout(20)
        try:
            self.connection.recv(1)
        except OSError:
            pass
        self.close_connection = True

    def handle_one(self):
        name, count = self.start()
        if name in BEHAVIOURS:
            return BEHAVIOURS[name](self, count)
        self.answer(404)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = handle_one


@behaviour
def cut(request, count):
    request.partly(10_000 + 7_000 * (count % 5))


@behaviour
def truncated(request, _):
    request.partly(max(0, 50_000 - request.offset()))


@behaviour
def shorter(request, _):
    request.answer(200, BLOB[:1000])


@behaviour
def ten_gigabytes(request, _):
    request.send_response(200)
    request.send_header("Content-Length", str(10 << 30))
    request.end_headers()
    request.wfile.write(BLOB)


@behaviour
def endless(request, _):
    request.send_response(200)
    request.send_header("Connection", "close")
    request.end_headers()
    request.close_connection = True
    try:
        while True:
            request.wfile.write(b"x" * 65536)
    except OSError:
        pass


@behaviour
def range_ignored(request, count):
    request.partly(100_000 if count == 1 else len(BLOB), offset=0)


@behaviour
def range_lied(request, count):
    if count == 1:
        return request.partly(100_000)
    request.answer(206, BLOB[5:], Content_Range=f"bytes 200000-{len(BLOB) - 1}/{len(BLOB)}")


@behaviour
def slow_loris(request, _):
    request.send_response(200)
    request.send_header("Content-Length", str(len(BLOB)))
    request.end_headers()
    request.wfile.write(b"x")
    request.wfile.flush()
    request.stall()


@behaviour
def silent(request, _):
    request.stall()


@behaviour
def busy(request, count):
    if count <= 2:
        return request.answer(429, Retry_After="0")
    request.answer(200, MANIFEST, Content_Type="application/vnd.oci.image.manifest.v1+json")


@behaviour
def always_busy(request, _):
    request.answer(429, b'{"errors":[{"code":"TOOMANYREQUESTS","message":"pull rate limit"}]}', Retry_After="0")


@behaviour
def busy_for_an_hour(request, _):
    request.answer(429, Retry_After="3600")


@behaviour
def broken_twice(request, count):
    if count <= 2:
        return request.answer(500)
    request.answer(200, MANIFEST, Content_Type="application/vnd.oci.image.manifest.v1+json")


@behaviour
def lying_digest(request, _):
    request.answer(200, MANIFEST, Docker_Content_Digest="sha256:" + "0" * 64)


@behaviour
def garbage_digest(request, _):
    request.answer(200, MANIFEST, Docker_Content_Digest="sha256:../../../etc/passwd")


@behaviour
def huge_manifest(request, _):
    request.answer(200, b" " * (5 << 20))


@behaviour
def huge_headers(request, _):
    request.send_response(200)
    for i in range(20_000):
        request.send_header(f"X-{i}", "y" * 1000)
    request.answer(200, MANIFEST)


@behaviour
def no_http(request, _):
    request.wfile.write(b"220 mail.example ESMTP\r\n")
    request.close_connection = True


def protected(request, scheme):
    """Whether the request is to be answered; asks for credentials otherwise."""
    if request.headers.get("Authorization"):
        return True
    request.answer(401, WWW_Authenticate=scheme)
    return False


@behaviour
def elsewhere(request, _):
    """Redirects blobs to the server whose port stands where the tag or the repository's rest does."""
    if protected(request, 'Basic realm="x"'):
        request.answer(307, Location=f"http://127.0.0.1:{request.path.split('/')[3]}/v2/public/blob")


@behaviour
def public(request, _):
    request.answer(200, BLOB)


@behaviour
def to_plain_http(request, _):
    request.answer(307, Location="http://127.0.0.1:1/blob")


@behaviour
def in_circles(request, _):
    request.answer(302, Location=request.path)


@behaviour
def to_a_file(request, _):
    request.answer(302, Location="file:///etc/passwd")


def with_realm(path):
    """Never content, and says where tokens are to be had."""
    def ask(request, _):
        own = ("https" if len(sys.argv) > 3 else "http") + "://" + request.headers["Host"]
        request.answer(401, WWW_Authenticate=f'Bearer realm="{path.replace("OWN", own)}",service="x"')
    return ask


BEHAVIOURS["endless-token"] = with_realm("OWN/v2/endless/token")
BEHAVIOURS["stranger-realm"] = with_realm("http://192.0.2.1/token")
BEHAVIOURS["file-realm"] = with_realm("file:///etc/passwd")
BEHAVIOURS["html-token"] = with_realm("OWN/v2/html/token")
BEHAVIOURS["useless-token"] = with_realm("OWN/v2/token/token")


@behaviour
def html(request, _):
    request.answer(200, b"<html>log in to the hotel's network</html>")


@behaviour
def token(request, _):
    request.answer(200, b'{"token":"not-good-enough","expires_in":300}')


@behaviour
def odd_challenge(request, _):
    request.answer(401, WWW_Authenticate='Negotiate "unclosed')


@behaviour
def upload_cut(request, count):
    """Takes 100,000 bytes of the first chunk, then cuts; later tells how much it has and takes the rest."""
    session = "/v2/upload-cut/app/blobs/uploads/1"
    if request.command == "HEAD":
        return request.answer(404)
    if request.command == "POST":
        return request.answer(202, Location="uploads/1")  # relative to …/blobs/uploads/
    if request.command == "GET":
        return request.answer(204, Location=session, Range=f"0-{len(UPLOADS['x']) - 1}")
    if request.command == "PATCH":
        length = int(request.headers["Content-Length"])
        if request.headers["Content-Range"] != f"{len(UPLOADS['x'])}-{len(UPLOADS['x']) + length - 1}":
            request.rfile.read(length)
            return request.answer(416)
        if not UPLOADS["x"]:
            UPLOADS["x"] = request.rfile.read(100_000)
            request.close_connection = True
            return None
        UPLOADS["x"] += request.rfile.read(length)
        return request.answer(202, Location=session, Range=f"0-{len(UPLOADS['x']) - 1}")
    request.answer(201 if UPLOADS["x"] == BLOB else 400)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Clients that leave early are what this is about."""


server = Server(("127.0.0.1", 0), Handler)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    server.socket = context.wrap_socket(server.socket, server_side=True)
sys.stdout.write(f"{server.server_address[1]}\n")  # in one piece, whatever PYTHONUNBUFFERED says
sys.stdout.flush()
server.serve_forever()
