"""An index with one package, on 127.0.0.1:3141, for user `demo` with password `demo`: it stands for your own."""

import base64
import hashlib
import io
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = "internal_greetings-1.0-py3-none-any.whl"
AUTHORIZATION = f"Basic {base64.b64encode(b'demo:demo').decode()}"
INFO = "internal_greetings-1.0.dist-info"
FILES = {
    "internal_greetings.py": 'def greet(whom):\n    return f"Hello from a {whom}"\n',
    f"{INFO}/METADATA": "Metadata-Version: 2.1\nName: internal-greetings\nVersion: 1.0\n",
    f"{INFO}/WHEEL": "Wheel-Version: 1.0\nGenerator: example\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}


def wheel() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        record = "".join(f"{name},{digest(text)},{len(text)}\n" for name, text in FILES.items())
        for name, text in {**FILES, f"{INFO}/RECORD": f"{record}{INFO}/RECORD,,\n"}.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return written.getvalue()


def digest(text: str) -> str:
    found = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
    return f"sha256={found.decode().rstrip('=')}"


CONTENT = wheel()
PAGE = f'<a href="/{NAME}#sha256={hashlib.sha256(CONTENT).hexdigest()}">{NAME}</a>'.encode()
PATHS = {"/simple/internal-greetings/": ("text/html", PAGE), f"/{NAME}": ("application/zip", CONTENT)}


class Index(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        if self.headers["Authorization"] != AUTHORIZATION:
            self.send_error(401)
        elif self.path not in PATHS:
            self.send_error(404)
        else:
            kind, content = PATHS[self.path]
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

    def do_GET(self) -> None:
        self.do_HEAD()


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", 3141), Index).serve_forever()
