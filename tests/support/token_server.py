#!/usr/bin/env python3
"""A token server for docker-registry (distribution's token authentication specification), with one account.

    token_server.py KEY CERTIFICATE USER PASSWORD LOG

Signs with the openssl command (RS256); the certificate travels in the token. Anybody may pull from public/…, the
account may do everything; a refresh token is `refresh-of-USER`. Prints its port; every request becomes a line in LOG.
"""
import base64
import http.server
import json
import subprocess
import sys
import time
import urllib.parse

KEY, CERTIFICATE, USER, PASSWORD, LOG = sys.argv[1:6]


def packed(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(account, scopes):
    access = []
    for scope in scopes:
        kind, name, actions = scope.split(":")
        granted = actions.split(",") if account else [a for a in actions.split(",") if a == "pull"]
        if account or name.startswith("public/"):
            access.append({"type": kind, "name": name, "actions": granted})
    pem = open(CERTIFICATE, encoding="ascii").read()
    der = "".join(pem.split("-----")[2].split())
    header = {"typ": "JWT", "alg": "RS256", "x5c": [der]}
    now = int(time.time())
    claims = {"iss": "test-issuer", "sub": account, "aud": "test-registry", "exp": now + 300, "nbf": now - 10,
              "iat": now, "jti": str(now), "access": access}
    text = packed(json.dumps(header).encode()) + "." + packed(json.dumps(claims).encode())
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", KEY], input=text.encode(), check=True,
                               capture_output=True).stdout
    return text + "." + packed(signature)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, document):
        body = json.dumps(document).encode()
        with open(LOG, "a", encoding="utf-8") as log:
            log.write(f"{self.command} {self.path} {status}\n")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        account = ""
        if "Authorization" in self.headers:
            wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            if self.headers["Authorization"] != wanted:
                return self.answer(401, {"details": "incorrect username or password"})
            account = USER
        self.answer(200, {"token": token(account, query.get("scope", [])), "expires_in": 300})

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if form.get("grant_type") != ["refresh_token"] or form.get("refresh_token") != ["refresh-of-" + USER]:
            return self.answer(401, {"error": "invalid_grant"})
        self.answer(200, {"access_token": token(USER, form.get("scope", [""])[0].split()), "expires_in": 300})


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
sys.stdout.write(f"{server.server_address[1]}\n")  # in one piece, whatever PYTHONUNBUFFERED says
sys.stdout.flush()
server.serve_forever()
