"""The Kaggle set: downloaded through kagglehub, found in its cache, counted.

An archive is judged by its listing before a byte of it is unpacked.

kagglehub keeps what it downloads (``KAGGLEHUB_CACHE``, else ``~/.cache/kagglehub``)
but asks Kaggle for the current version every time; where Kaggle cannot be asked,
a complete copy in the cache is used.
"""

from __future__ import annotations

import errno
import json
import logging
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath

from covidcxr.cohorts import folders
from covidcxr.core.errors import Problem
from covidcxr.core.studies import LABELS, KaggleCohort
from covidcxr.core.words import one_line, shown

ALTERNATIVES = (
    "or do without it: put the images into a folder named by the environment variable "
    "COVIDCXR_DATA and set cohort.source=folder, or run STUDY=demo, which needs no data"
)

_NO_LOGIN = (
    "Kaggle refuses it without a login that may read it",
    "set KAGGLE_API_TOKEN to a token from your Kaggle account's settings",
)
_ANSWERS = {
    401: _NO_LOGIN,
    403: _NO_LOGIN,
    404: ("Kaggle has no such set", "correct cohort.handle"),
    429: ("Kaggle refuses more downloads for now", "run again later"),
}
"""By status: why Kaggle does not give a set, and what to do about it."""

RATIO = 100
"""Times its own size that an archive may unpack to; images hardly shrink, bombs 1,000-fold."""

_SMALL = 2**20  # bytes, whose ratio says nothing

_log = logging.getLogger(__name__)


def download(cohort: KaggleCohort) -> Path:
    """Return the folder that holds the class folders, downloading the set first if need be.

    A `Problem` is raised if Kaggle cannot be reached or refuses, the archive is damaged or no
    plain tree of files, the disk is full, or the folder is not in the set or in several places.
    """
    return find(_fetch(cohort.handle), cohort.folder)


def find(root: Path, folder: str) -> Path:
    """Find the folder that holds all class folders, by its path or the path's last parts.

    ``train`` finds ``Data/train``, if there is one such place.
    """
    if folders.holds_classes(root / folder):
        return root / folder
    wanted = Path(folder).parts
    places = sorted(
        place
        for place in root.rglob(wanted[-1] if wanted else "*")
        if place.parts[-len(wanted) :] == wanted
        and folders.holds_classes(place)
        and not _hidden(place, root)
    )
    if len(places) == 1:
        return places[0]
    classes = " and ".join(LABELS)
    if not places:
        held = ", ".join(sorted(p.name for p in root.iterdir() if not _hidden(p, root)))
        raise Problem(
            f"{root}: has no folder '{folder}' with {classes} in it, it holds {held or 'nothing'}; "
            "correct cohort.folder."
        )
    named = ", ".join(place.relative_to(root).as_posix() for place in places)
    raise Problem(
        f"{root}: has several folders '{folder}' with {classes} in them: {named}; "
        "write the one you mean as cohort.folder."
    )


def check_counts(folder: Path, counts: dict[str, int], expected: dict[str, int]) -> None:
    """Refuse a folder whose counts of images by class are not as expected, naming them all."""
    wrong = [
        f"{n:,} {label} images are expected but {counts[label]:,} found"
        for label, n in expected.items()
        if counts[label] != n
    ]
    if not wrong:
        return
    # kagglehub downloads anew once the whole version is gone, not a part of it.
    cached = next((p for p in folder.parents if p.parent.name == "versions"), folder)
    raise Problem(
        f"{folder}: {' and '.join(wrong)}; delete {cached} to download it anew, set cohort.covid19 "
        f"and cohort.normal to the counts that you mean, {ALTERNATIVES}."
    )


def _fetch(handle: str) -> Path:
    """Return the root of the unpacked set."""
    # Late, because only this source needs it and it takes a while to import.
    import kagglehub
    import requests
    from kagglehub.handle import parse_dataset_handle

    try:
        versioned = parse_dataset_handle(handle).is_versioned()
    except ValueError as error:
        raise Problem(
            f"{handle}: is no name of a Kaggle set; write cohort.handle as owner/name "
            "or owner/name/versions/3."
        ) from error
    with _explained(handle), _listed_first():
        try:
            return Path(kagglehub.dataset_download(handle))
        except (requests.RequestException, json.JSONDecodeError) as error:
            cached = None if versioned else _newest_cached(handle)
            if cached is None:
                raise
            why, _ = _network(error)
            _log.warning("%s: %s; using version %d from the cache", handle, why, cached)
            return Path(kagglehub.dataset_download(f"{handle}/versions/{cached}"))


@contextmanager
def _listed_first() -> Iterator[None]:
    """Have kagglehub unpack only what `check_archive` lets pass: it looks at no listing itself."""
    from kagglehub import http_resolver

    unpack = http_resolver._extract_archive

    def checked(archive: str, folder: str) -> None:
        try:
            check_archive(Path(archive), Path(archive).parent)
        except Problem:
            Path(archive).unlink()  # else it would count as a finished download
            raise
        unpack(archive, folder)

    http_resolver._extract_archive = checked
    try:
        yield
    finally:
        http_resolver._extract_archive = unpack


def check_archive(archive: Path, target: Path) -> None:
    """Refuse a ZIP or tar archive that is no plain tree of files, or that is a bomb.

    A `Problem` is raised for a name that leads out of the folder, a link or a device, more than
    `RATIO` times the archive's size, and more than the disk of ``target`` has room for.
    """
    total, most = 0, max(_SMALL, RATIO * archive.stat().st_size)
    room = shutil.disk_usage(target).free
    for name, size, is_plain in _members(archive):
        path = PureWindowsPath(name)  # which knows both kinds of slashes, and drives
        total += size
        if path.anchor or ".." in path.parts:
            fault = f"'{shown(name)}' leads out of its folder"
        elif not is_plain:
            fault = f"'{shown(name)}' is a link or a device"
        elif total > most:
            fault = f"it unpacks to more than {RATIO} times its size, as a bomb does"
        elif total > room:
            fault = f"it unpacks to more than the {room:,} bytes that the disk has free"
        else:
            continue
        raise Problem(f"{archive}: is not unpacked: {fault}; name another set of images.")


def _members(archive: Path) -> Iterator[tuple[str, int, bool]]:
    """Name and size of each member, and whether it is a file or a folder, as listed."""
    if tarfile.is_tarfile(archive):
        with tarfile.open(archive) as tar:
            yield from ((one.name, one.size, one.isfile() or one.isdir()) for one in tar)
    elif zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            for one in file.infolist():
                kind = stat.S_IFMT(one.external_attr >> 16)
                yield one.filename, one.file_size, kind in (0, stat.S_IFREG, stat.S_IFDIR)


def _newest_cached(handle: str) -> int | None:
    """Return the newest version of a set that lies complete in kagglehub's cache."""
    cache = _cache(handle)
    versions = [
        int(marker.stem)
        for marker in cache.glob("*.complete")
        if marker.stem.isdecimal() and (cache / "versions" / marker.stem).is_dir()
    ]
    return max(versions, default=None)


def _cache(handle: str) -> Path:
    from kagglehub.config import get_cache_folder

    return Path(get_cache_folder(), "datasets", *handle.split("/")[:2])


@contextmanager
def _explained(handle: str) -> Iterator[None]:
    """Turn what kagglehub raises into a `Problem`."""
    import requests
    from kagglehub import exceptions

    try:
        yield
    # requests' errors are OSErrors too, and kagglehub's HTTP errors are requests', so
    # the order matters.
    except (requests.RequestException, json.JSONDecodeError) as error:
        why, remedy = _network(error)
        raise Problem(f"{handle}: {why}; {remedy}, {ALTERNATIVES}.") from error
    except (
        exceptions.DataCorruptionError,
        zipfile.BadZipFile,
        tarfile.TarError,
        zlib.error,
        EOFError,
    ) as error:
        raise _corrupt(handle) from error
    except OSError as error:
        raise Problem(f"{handle}: {_disk(error, _cache(handle))}, {ALTERNATIVES}.") from error
    except (
        ValueError,
        exceptions.BackendError,
        exceptions.ColabEnvironmentError,
        exceptions.CredentialError,
        exceptions.KaggleEnvironmentError,
        exceptions.NotFoundError,
        exceptions.UnauthenticatedError,
    ) as error:
        if str(error) == "Unsupported archive type.":
            raise _corrupt(handle) from error
        raise Problem(
            f"{handle}: the download failed ({_one_line(error)}); mend that, {ALTERNATIVES}."
        ) from error


def _network(error: Exception) -> tuple[str, str]:
    """Describe why Kaggle did not give the set, and what to do about it, each in a clause."""
    import requests

    response = getattr(error, "response", None)
    if response is not None:
        reason, remedy = _ANSWERS.get(
            response.status_code, ("Kaggle answers with an error", "run again later")
        )
        return f"{reason} ({response.status_code})", remedy
    if isinstance(error, json.JSONDecodeError):
        reason = "what answers is not Kaggle, as behind a network's login page"
    elif isinstance(error, requests.Timeout):
        reason = "Kaggle does not answer in time"
    elif isinstance(error, requests.exceptions.ChunkedEncodingError):
        reason = "the connection to Kaggle broke off"
    else:
        reason = f"Kaggle cannot be reached ({_cause(error)})"
    return reason, "connect this machine to the network and run again"


def _cause(error: BaseException) -> str:
    """Return the system's words at the bottom of a chain of network errors."""
    cause = error
    while (deeper := cause.__cause__ or cause.__context__) is not None:
        cause = deeper
    if isinstance(cause, OSError):
        return cause.strerror or _one_line(cause)
    return type(cause).__name__


def _one_line(error: BaseException) -> str:
    return one_line(error).rstrip(".") or type(error).__name__


def _corrupt(handle: str) -> Problem:
    # kagglehub would take the archive for a finished download and fail on it again.
    for archive in _cache(handle).glob("*.archive"):
        archive.unlink()
    return Problem(
        f"{handle}: the downloaded archive was damaged and has been deleted; "
        f"run again, {ALTERNATIVES}."
    )


def _disk(error: OSError, cache: Path) -> str:
    elsewhere = "or set KAGGLEHUB_CACHE to a folder elsewhere"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"the disk is full; make room below {cache}, {elsewhere}"
    reason = error.strerror or _one_line(error)
    return f"the download cannot be stored ({reason}); make {cache} writable, {elsewhere}"


def _hidden(place: Path, root: Path) -> bool:
    """Recognise the folders that archives carry along, such as ``__MACOSX``."""
    return any(re.match(r"\.|__MACOSX$", part) for part in place.relative_to(root).parts)
