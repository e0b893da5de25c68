"""The Kaggle set: downloaded through kagglehub, found in its cache, counted.

kagglehub keeps what it downloads (``KAGGLEHUB_CACHE``, else ``~/.cache/kagglehub``)
but asks Kaggle for the current version every time; where Kaggle cannot be asked,
a complete copy in the cache is used.
"""

from __future__ import annotations

import errno
import json
import logging
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from covidcxr.cohorts import archives, folders
from covidcxr.core.errors import Problem
from covidcxr.core.studies import LABELS, KaggleCohort
from covidcxr.core.words import one_line

ALTERNATIVES = (
    "or do without it: put the images into a folder named by the environment variable "
    "COVIDCXR_DATA and set cohort.source=folder, or run STUDY=demo, which needs no data"
)

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
            _log.warning("%s: %s; using version %d from the cache", handle, _network(error), cached)
            return Path(kagglehub.dataset_download(f"{handle}/versions/{cached}"))


@contextmanager
def _listed_first() -> Iterator[None]:
    """Have kagglehub unpack only what `archives.check` lets pass: it looks at no listing itself."""
    from kagglehub import http_resolver

    unpack = http_resolver._extract_archive

    def checked(archive: str, folder: str) -> None:
        try:
            archives.check(Path(archive), Path(archive).parent)
        except Problem:
            Path(archive).unlink()  # else it would count as a finished download
            raise
        unpack(archive, folder)

    http_resolver._extract_archive = checked
    try:
        yield
    finally:
        http_resolver._extract_archive = unpack


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
        raise Problem(f"{handle}: {_network(error)}; {_remedy(error)}, {ALTERNATIVES}.") from error
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


def _network(error: Exception) -> str:
    """Describe in a clause why Kaggle did not give the set."""
    import requests

    response = getattr(error, "response", None)
    if response is not None:
        match response.status_code:
            case 404:
                return "Kaggle has no such set (404)"
            case 401 | 403:
                return (
                    f"Kaggle refuses it without a login that may read it ({response.status_code})"
                )
            case 429:
                return "Kaggle refuses more downloads for now (429)"
            case code:
                return f"Kaggle answers with an error ({code})"
    if isinstance(error, json.JSONDecodeError):
        return "what answers is not Kaggle, as behind a network's login page"
    if isinstance(error, requests.Timeout):
        return "Kaggle does not answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection to Kaggle broke off"
    return f"Kaggle cannot be reached ({_cause(error)})"


def _remedy(error: Exception) -> str:
    response = getattr(error, "response", None)
    match None if response is None else response.status_code:
        case 404:
            return "correct cohort.handle"
        case 401 | 403:
            return "set KAGGLE_API_TOKEN to a token from your Kaggle account's settings"
        case None:
            return "connect this machine to the network and run again"
        case _:
            return "run again later"


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
