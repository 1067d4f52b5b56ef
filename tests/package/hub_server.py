"""A stand-in for the model hub on loopback: what ``huggingface_hub`` asks of it to upload and download a repository.

The client is the real one, sent here by ``HF_ENDPOINT``. Small files come in the commit, weights by Git LFS.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_stand_in_token_of_the_tests"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What the server holds and was asked."""

    address: str = ""
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)


@contextmanager
def serve() -> Iterator[Hub]:
    """Run the server while the block runs."""
    hub = Hub()
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub})) as server:
        hub.address = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield hub
        finally:
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _authorised(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _send(self, content: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _json(self, content: object, status: int = 200) -> None:
        self._send(json.dumps(content).encode(), status, Content_Type="application/json")

    def _refuse(self, status: int, message: str) -> None:
        self._send(json.dumps({"error": message}).encode(), status, X_Error_Message=message)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.hub.requests.append(f"{self.command} {path}")
        if path == "/api/whoami-v2":
            if self._authorised():
                return self._json({"type": "user", "name": "someone", "orgs": []})
            return self._refuse(401, "Invalid credentials in Authorization header")
        if path.startswith("/api/models/"):
            name = "/".join(path.split("/")[3:5])
            if name not in self.hub.repositories:
                return self._refuse(404, "Repository not found")
            files = self.hub.repositories[name]
            if "/tree/" in path:
                about = {file: {"size": len(content), "oid": _blob_id(content)} for file, content in files.items()}
                return self._json([{"type": "file", "path": file, **about[file]} for file in files])
            about = {"_id": "1", "id": name, "sha": COMMIT, "tags": [], "private": False}
            return self._json({**about, "siblings": [{"rfilename": file} for file in files]})
        name, _, rest = path[1:].partition("/resolve/")
        content = self.hub.repositories.get(name, {}).get(rest.partition("/")[2])
        if content is None:
            return self._refuse(404, "Entry not found")
        return self._send(content, ETag=f'"{_blob_id(content)}"', X_Repo_Commit=COMMIT)

    def do_POST(self) -> None:
        path = self.path.partition("?")[0]
        self.hub.requests.append(f"POST {path}")
        body = self._body()
        if not self._authorised():
            return self._refuse(401, "Invalid credentials in Authorization header")
        if path == "/api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        if path == "/api/repos/create":
            wanted = json.loads(body)
            name = f"{wanted['organization']}/{wanted['name']}"
            self.hub.repositories.setdefault(name, {})
            return self._json({"url": f"{self.hub.address}/{name}"})
        if path.endswith("/info/lfs/objects/batch"):
            objects = [
                {**each, "actions": {"upload": {"href": f"{self.hub.address}/objects/{each['oid']}"}}}
                for each in json.loads(body)["objects"]
            ]
            return self._json({"transfer": "basic", "objects": objects})
        name = "/".join(path.split("/")[3:5])
        if "/preupload/" in path:
            paths = [each["path"] for each in json.loads(body)["files"]]
            mode = {path: "lfs" if path.endswith(".pth") else "regular" for path in paths}
            files = [{"path": path, "uploadMode": mode[path], "shouldIgnore": False} for path in paths]
            return self._json({"files": files})
        return self._commit(name, body)

    def do_PUT(self) -> None:
        content = self._body()
        oid = self.path.rpartition("/")[2]
        self.hub.requests.append("PUT object")
        if hashlib.sha256(content).hexdigest() != oid:
            return self._refuse(400, "the object is not what was announced")
        self.hub.objects[oid] = content
        return self._send(b"")

    def _commit(self, name: str, body: bytes) -> None:
        files = self.hub.repositories[name]
        for operation in map(json.loads, body.splitlines()):
            value = operation["value"]
            if operation["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif operation["key"] == "lfsFile":
                files[value["path"]] = self.hub.objects[value["oid"]]
        url = f"{self.hub.address}/{name}/commit/{COMMIT}"
        self._json({"success": True, "commitOid": COMMIT, "commitUrl": url})


def _blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
