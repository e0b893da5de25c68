"""The Kaggle download, against a stub of Kaggle on this machine.

kagglehub's addresses are fixed, so the stub is the HTTP proxy that the environment
names, and ``KAGGLE_API_ENVIRONMENT=LOCALHOST`` makes kagglehub speak plain HTTP.
"""

import contextlib
import errno
import io
import json
import logging
import shutil
import socket
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from covidcxr.cohorts import kaggle
from covidcxr.cohorts.folders import class_folders
from covidcxr.cohorts.manifest import class_counts
from covidcxr.core.errors import Problem
from covidcxr.core.studies import KaggleCohort

MEBIBYTE = 2**20
HANDLE = "somebody/chest-xrays"
COHORT = KaggleCohort(source="kaggle", handle=HANDLE, covid19=2, normal=3)
LAYOUT = {"train/COVID19": 2, "train/NORMAL": 3, "test/COVID19": 1, "test/NORMAL": 1}


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (2, 2), 128).save(buffer, "PNG")
    return buffer.getvalue()


def archive(layout: dict[str, int]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for folder, count in layout.items():
            for number in range(count):
                file.writestr(f"{folder}/image({number}).png", png())
    return buffer.getvalue()


class Kaggle:
    """What the stub serves, and what it was asked."""

    def __init__(self) -> None:
        self.version = 1
        self.status = {"GetDataset": 200, "DownloadDataset": 200, "archive": 200}
        self.archive = archive(LAYOUT)
        self.cut: int | None = None  # bytes after which the connection breaks off
        self.details: bytes | None = None  # GetDataset's answer, where it is to be wrong
        self.asked: list[str] = []
        self.started: list[int] = []  # the byte each download of the archive began with

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        request.rfile.read(int(request.headers.get("Content-Length", 0)))
        name = request.path.rsplit("/", 1)[-1]
        self.asked.append(name)
        status = self.status[name]
        headers, body = {}, b""
        if status != 200:
            headers["Content-Type"] = "application/json"
            body = json.dumps({"code": status, "message": "no"}).encode()
        elif name == "GetDataset":
            headers["Content-Type"] = "application/json"
            body = json.dumps({"currentVersionNumber": self.version}).encode()
            if self.details is not None:
                headers["Content-Type"], body = "text/html", self.details
        elif name == "DownloadDataset":
            status, headers["Location"] = 302, "http://storage.invalid/archive"
        else:
            # With this header kagglehub resumes, and trusts, what lies on the disk.
            headers["Accept-Ranges"] = "bytes"
            start = int(request.headers.get("Range", "bytes=0-")[6:-1])
            self.started.append(start)
            body = self.archive[start:]
        request.send_response(status)
        for key, value in headers.items():
            request.send_header(key, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        # kagglehub hangs up on the answer that tells it to resume.
        with contextlib.suppress(ConnectionError):
            request.wfile.write(body[: self.cut] if name == "archive" else body)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no credentials, and no way out of this machine."""
    for name in (
        "KAGGLE_API_TOKEN",
        "KAGGLE_DATA_PROXY_URL",
        "KAGGLE_KERNEL_RUN_TYPE",
        "KAGGLE_KEY",
        "KAGGLE_USERNAME",
        "NO_PROXY",
        "TBE_RUNTIME_ADDR",
        "no_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "cache"))
    use_proxy(monkeypatch, closed_port())
    return tmp_path / "cache"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kaggle]:
    state = Kaggle()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            state.answer(self)

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        use_proxy(monkeypatch, server.server_port)
        yield state
        server.shutdown()
        thread.join()


def use_proxy(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        monkeypatch.setenv(name.upper(), f"http://127.0.0.1:{port}")


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def message(cohort: KaggleCohort = COHORT) -> str:
    with pytest.raises(Problem) as caught:
        kaggle.download(cohort)
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    return text


def tree(root: Path, *files: str) -> Path:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


def counts(folder: Path) -> dict[str, int]:
    return class_counts(class_folders(folder))


def test_downloads_unpacks_and_finds_the_folder(server: Kaggle, cache: Path) -> None:
    folder = kaggle.download(COHORT)
    assert folder == cache / "datasets" / HANDLE / "versions" / "1" / "train"
    assert counts(folder) == {"COVID19": COHORT.covid19, "NORMAL": COHORT.normal}
    assert (folder / "COVID19" / "image(1).png").read_bytes() == png()
    assert server.asked == ["GetDataset", "DownloadDataset", "archive"]


def test_downloads_once(server: Kaggle) -> None:
    first = kaggle.download(COHORT)
    assert kaggle.download(COHORT) == first
    assert server.asked.count("archive") == 1


def test_a_named_version_needs_no_network_once_cached(
    server: Kaggle, monkeypatch: pytest.MonkeyPatch
) -> None:
    cohort = COHORT.model_copy(update={"handle": f"{HANDLE}/versions/1"})
    folder = kaggle.download(cohort)
    assert server.asked == ["DownloadDataset", "archive"]
    use_proxy(monkeypatch, closed_port())
    assert kaggle.download(cohort) == folder


def test_the_newest_cached_version_serves_offline(
    server: Kaggle,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for server.version in (9, 10):
        folder = kaggle.download(COHORT)
    versions = cache / "datasets" / HANDLE / "versions"
    assert folder == versions / "10" / "train"
    use_proxy(monkeypatch, closed_port())
    with caplog.at_level(logging.WARNING):
        assert kaggle.download(COHORT) == folder
    assert "using version 10 from the cache" in caplog.text
    shutil.rmtree(versions / "10")
    assert kaggle.download(COHORT) == versions / "9" / "train"


def test_no_other_version_stands_in_for_a_named_one(
    server: Kaggle, monkeypatch: pytest.MonkeyPatch
) -> None:
    kaggle.download(COHORT)
    use_proxy(monkeypatch, closed_port())
    named = COHORT.model_copy(update={"handle": f"{HANDLE}/versions/2"})
    assert message(named).startswith(f"{HANDLE}/versions/2: Kaggle cannot be reached")


@pytest.mark.parametrize("details", [b"<html>Accept the terms of this network.</html>", b""])
def test_what_is_not_kaggle_is_said_and_the_cache_serves(server: Kaggle, details: bytes) -> None:
    server.details = details
    assert "what answers is not Kaggle" in message()
    server.details = None
    folder = kaggle.download(COHORT)
    server.details = details
    assert kaggle.download(COHORT) == folder


def test_a_version_cut_short_in_the_cache_does_not_serve_offline(cache: Path) -> None:
    tree(cache / "datasets" / HANDLE / "versions" / "1" / "train", "COVID19/a", "NORMAL/b")
    assert "cannot be reached" in message()


def test_without_network() -> None:
    assert message() == (
        "somebody/chest-xrays: Kaggle cannot be reached (Connection refused); connect this machine "
        "to the network and run again, or do without it: put the images into a folder named by the "
        "environment variable COVIDCXR_DATA and set cohort.source=folder, or run STUDY=demo, which "
        "needs no data."
    )


def test_without_name_resolution(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert "cannot be reached (Temporary failure in name resolution); connect" in message()


def test_without_an_answer(server: Kaggle, monkeypatch: pytest.MonkeyPatch) -> None:
    import requests

    def fail(*_: object, **__: object) -> None:
        raise requests.ReadTimeout("read timed out")

    # The only call replaced: waiting for a real timeout would take minutes.
    monkeypatch.setattr(requests.Session, "send", fail)
    assert "Kaggle does not answer in time; connect" in message()


@pytest.mark.parametrize("step", ["GetDataset", "DownloadDataset", "archive"])
@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "a login that may read it (401); set KAGGLE_API_TOKEN to a token"),
        (403, "a login that may read it (403); set KAGGLE_API_TOKEN to a token"),
        (404, "Kaggle has no such set (404); correct cohort.handle, or"),
        (429, "Kaggle refuses more downloads for now (429); run again later, or"),
        (503, "Kaggle answers with an error (503); run again later, or"),
    ],
)
def test_refusals(server: Kaggle, step: str, status: int, said: str) -> None:
    server.status[step] = status
    text = message()
    assert text.startswith(f"{HANDLE}: ")
    assert said in text
    assert "COVIDCXR_DATA" in text
    assert "STUDY=demo" in text


def damaged() -> bytes:
    content = bytearray(archive(LAYOUT))
    content[content.index(b"IHDR")] ^= 1
    return bytes(content)


@pytest.mark.parametrize(
    "content",
    [b"not an archive", archive(LAYOUT)[:-40], damaged()],
    ids=["other content", "cut short", "one bit flipped"],
)
def test_a_damaged_archive_is_deleted_so_that_the_next_run_downloads_anew(
    server: Kaggle, cache: Path, content: bytes
) -> None:
    server.archive = content
    assert "archive was damaged and has been deleted; run again, or do without it" in message()
    assert not list(cache.rglob("*.archive"))
    server.archive = archive(LAYOUT)
    assert counts(kaggle.download(COHORT)) == {"COVID19": 2, "NORMAL": 3}


def zipped(name: str, content: bytes = b"x", mode: int = 0o100644) -> bytes:
    member = zipfile.ZipInfo(name)
    member.external_attr, member.compress_type = mode << 16, zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(buffer := io.BytesIO(), "w") as file:
        file.writestr("train/COVID19/first.png", png())
        file.writestr(member, content)
    return buffer.getvalue()


def tarred(name: str, size: int = 0, **facts: object) -> bytes:
    with tarfile.open(fileobj=(buffer := io.BytesIO()), mode="w:gz") as file:
        member = tarfile.TarInfo(name)
        member.size = size
        for key, value in facts.items():
            setattr(member, key, value)
        file.addfile(member, io.BytesIO(bytes(size)))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (zipped("../../out.png"), "'../../out.png' leads out of its folder"),
        (zipped("/tmp/out.png"), "leads out"),
        (zipped("a/..\\out.png"), "leads out"),
        (zipped("C:\\out.png"), "leads out"),
        (zipped("link", b"/etc/passwd", 0o120777), "'link' is a link or a device"),
        (zipped("bomb.png", bytes(20 * MEBIBYTE)), "unpacks to more than 100 times its size"),
        (tarred("../out.png"), "leads out"),
        (tarred("link", type=tarfile.SYMTYPE, linkname="/etc"), "is a link or a device"),
        (tarred("hard", type=tarfile.LNKTYPE, linkname="link"), "is a link or a device"),
        (tarred("null", type=tarfile.CHRTYPE), "is a link or a device"),
        (tarred("bomb.png", 20 * MEBIBYTE), "unpacks to more than 100 times its size"),
    ],
    # An archive holds the time of its making, which no name of a test may.
    ids=[
        *("zip above", "zip from the root", "zip above, Windows", "zip on a drive", "zip link"),
        *("zip bomb", "tar above", "tar link", "tar hard link", "tar device", "tar bomb"),
    ],
)
def test_an_archive_that_is_no_plain_tree_is_refused_before_a_byte_is_written(
    server: Kaggle, cache: Path, content: bytes, fault: str
) -> None:
    server.archive = content
    text = message()
    assert "is not unpacked" in text
    assert fault in text
    written = [path for path in cache.parent.rglob("*") if path.is_file()]
    assert not [path for path in written if path.suffix in (".png", ".archive")]
    assert not (cache / "datasets" / HANDLE / "versions").is_dir()
    server.archive = archive(LAYOUT)
    assert counts(kaggle.download(COHORT)) == {"COVID19": 2, "NORMAL": 3}


def test_an_archive_that_is_larger_than_the_disk_is_refused(
    server: Kaggle, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert "more than the 100 bytes that the disk has free" in message()


def test_a_broken_download_is_resumed(server: Kaggle, cache: Path) -> None:
    with zipfile.ZipFile(buffer := io.BytesIO(server.archive), "a") as file:
        file.writestr("ballast", bytes(3 * MEBIBYTE))
    server.archive = buffer.getvalue()
    server.cut = 2 * MEBIBYTE + 100
    assert "the connection to Kaggle broke off; connect" in message()
    stored = next(cache.rglob("*.archive")).stat().st_size
    assert stored == 2 * MEBIBYTE  # kagglehub writes whole mebibytes
    server.cut = None
    assert counts(kaggle.download(COHORT)) == {"COVID19": 2, "NORMAL": 3}
    # kagglehub asks for all of it, and from the answer's header on for the rest.
    assert server.started == [0, 0, stored]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk(
    server: Kaggle, cache: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "extractall", fail)
    place = cache / "datasets" / HANDLE
    assert f"the disk is full; make room below {place}, or set KAGGLEHUB_CACHE" in message()


def test_a_cache_that_cannot_be_written(server: Kaggle, cache: Path) -> None:
    cache.write_bytes(b"a file where a folder should be")
    assert "the download cannot be stored (" in message()


@pytest.mark.parametrize("handle", ["chest-xrays", "a/b/c", "a/b/versions/new", ""])
def test_a_handle_that_is_none(handle: str) -> None:
    text = message(COHORT.model_copy(update={"handle": handle}))
    assert text.endswith("write cohort.handle as owner/name or owner/name/versions/3.")


def test_broken_credentials_are_named(server: Kaggle, tmp_path: Path) -> None:
    (tmp_path / "kaggle.json").write_text("{")
    assert f"(Invalid Kaggle credentials file at {tmp_path / 'kaggle.json'}); mend" in message()


@pytest.mark.parametrize("above", ["", "Data", "Data/chest"])
def test_finds_the_folder_at_any_depth(tmp_path: Path, above: str) -> None:
    root = tree(tmp_path / "set", *(f"{above}/{folder}/a.png".lstrip("/") for folder in LAYOUT))
    tree(root, "__MACOSX/train/COVID19/._a.png", "__MACOSX/train/NORMAL/._a.png")
    tree(root, "other/train/NORMAL/a.png")
    assert kaggle.find(root, "train") == root / above / "train"
    assert kaggle.find(root, "test") == root / above / "test"
    assert kaggle.find(root, f"{above}/train".lstrip("/")) == root / above / "train"


def test_an_ambiguous_folder_is_refused_and_the_whole_path_settles_it(tmp_path: Path) -> None:
    root = tree(
        tmp_path / "set", *(f"{a}/train/{c}/a" for a in "AB" for c in ("COVID19", "NORMAL"))
    )
    with pytest.raises(Problem) as caught:
        kaggle.find(root, "train")
    assert str(caught.value) == (
        f"{root}: has several folders 'train' with COVID19 and NORMAL in them: A/train, B/train; "
        "write the one you mean as cohort.folder."
    )
    assert kaggle.find(root, "B/train") == root / "B" / "train"


@pytest.mark.parametrize("folder", ["validation", "", "test"])
def test_a_missing_folder_says_what_is_there(tmp_path: Path, folder: str) -> None:
    root = tree(tmp_path / "set", "train/COVID19/a", "train/NORMAL/a", "test/NORMAL/a", ".git/x")
    with pytest.raises(Problem) as caught:
        kaggle.find(root, folder)
    assert str(caught.value) == (
        f"{root}: has no folder '{folder}' with COVID19 and NORMAL in it, it holds test, train; "
        "correct cohort.folder."
    )


def test_the_folders_of_the_classes_may_be_spelled_otherwise(tmp_path: Path) -> None:
    root = tree(tmp_path, "Data/train/covid-19/a.png", "Data/train/Normal/b.png")
    assert kaggle.find(root, "train") == root / "Data" / "train"


def test_wrong_counts_are_all_named(tmp_path: Path) -> None:
    version = tmp_path / "versions" / "3"
    folder = version / "Data" / "train"
    kaggle.check_counts(folder, {"COVID19": 2, "NORMAL": 0}, {"COVID19": 2, "NORMAL": 0})
    with pytest.raises(Problem) as caught:
        kaggle.check_counts(folder, {"COVID19": 1, "NORMAL": 0}, {"COVID19": 460, "NORMAL": 1341})
    assert str(caught.value) == (
        f"{folder}: 460 COVID19 images are expected but 1 found and "
        "1,341 NORMAL images are expected but 0 found; "
        f"delete {version} to download it anew, set cohort.covid19 and cohort.normal to the counts "
        f"that you mean, {kaggle.ALTERNATIVES}."
    )
