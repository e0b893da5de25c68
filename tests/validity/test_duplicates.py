"""Copies that were made here must be found, and what merely looks alike must not."""

import hashlib
import io
import json
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import imagehash
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps
from typer.testing import CliRunner

from covidcxr import figures
from covidcxr.cli import commands
from covidcxr.cohorts import phantom
from covidcxr.cohorts.samples import Sample
from covidcxr.core import records, studies
from covidcxr.core.errors import Problem, Unusable
from covidcxr.core.studies import PhantomCohort
from covidcxr.figures import common
from covidcxr.figures import duplicates as duplicates_figures
from covidcxr.validity import duplicates
from covidcxr.validity.duplicates import EXACT, NEAR

SIDE = 256
Pictures = NDArray[np.uint8]


def cohort(**changes: object) -> PhantomCohort:
    base: dict[str, object] = {
        "source": "phantom",
        "covid19": 12,
        "normal": 12,
        "images_per_patient": 1.0,
        "exact_duplicates": 0,
        "near_duplicates": 0,
        "image_size": 128,
    }
    return PhantomCohort(**(base | changes))  # type: ignore[arg-type]


def large(pixels: Pictures) -> Pictures:
    return np.stack([np.asarray(Image.fromarray(p).resize((SIDE, SIDE))) for p in pixels])


@pytest.fixture(scope="module")
def chests() -> Pictures:
    """Pictures of 24 patients, none a copy of another."""
    return large(phantom.generate(cohort(covid19=12, normal=12))[1])


def cut(image: Image.Image, *sides: float) -> Image.Image:
    left, top, right, bottom = (SIDE * side for side in sides)
    return image.resize((SIDE, SIDE), box=(left, top, SIDE - right, SIDE - bottom))


def compressed(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("L")


def lettered(image: Image.Image) -> Image.Image:
    marked = image.copy()
    ImageDraw.Draw(marked).text((20, 225), "day 1", fill=255, font_size=22)
    return marked


ALTERED: dict[str, Callable[[Image.Image], Image.Image]] = {
    "resized": lambda i: i.resize((90, 90)).resize((SIDE, SIDE)),
    "recompressed": lambda i: compressed(i, 40),
    "cut all round": lambda i: cut(i, 0.05, 0.05, 0.05, 0.05),
    "cut at the left": lambda i: cut(i, 0.05, 0, 0, 0),
    "cut at a corner": lambda i: cut(i, 0, 0.03, 0.05, 0),
    "brighter": lambda i: i.point([min(255, round(1.08 * g + 8)) for g in range(256)]),
    "less contrast": lambda i: i.point([round(128 + 0.6 * (g - 128)) for g in range(256)]),
    "gamma": lambda i: i.point([round(255 * (g / 255) ** 0.6) for g in range(256)]),
    "mirrored": ImageOps.mirror,
    "mirrored, cut and recompressed": lambda i: compressed(
        cut(ImageOps.mirror(i), 0.02, 0.01, 0.0, 0.03), 50
    ),
    "lettered": lettered,
}


# --- the right answer in dumb cases


def test_no_picture_has_no_copy() -> None:
    found = duplicates.find(np.empty((0, SIDE, SIDE), np.uint8), [])
    assert found.empty
    assert list(found) == ["first", "second", "kind", "distance", "similarity", "mirrored"]


def test_a_single_picture_has_no_copy(chests: Pictures) -> None:
    assert duplicates.find(chests[:1]).empty


def test_equal_pictures_are_exact_copies_of_each_other_in_every_pair(chests: Pictures) -> None:
    found = duplicates.find(chests[[0, 1, 0, 0]])
    assert list(zip(found["first"], found["second"], strict=True)) == [(0, 2), (0, 3), (2, 3)]
    assert set(found["kind"]) == {"exact"}
    assert (found["distance"] == 0).all()
    assert (found["similarity"] == 1).all()


def test_equal_files_are_exact_copies_whatever_was_decoded(chests: Pictures) -> None:
    found = duplicates.find(chests[:3], ["a", "b", "a"])
    assert found[["first", "second", "kind"]].to_numpy().tolist() == [[0, 2, "exact"]]


def test_what_is_near_one_is_near_its_exact_copy(chests: Pictures) -> None:
    bright = np.asarray(ALTERED["brighter"](Image.fromarray(chests[0])))
    found = duplicates.find(np.stack([chests[0], bright, chests[0]]))
    assert found[["first", "second", "kind"]].to_numpy().tolist() == [
        [0, 1, "near"],
        [0, 2, "exact"],
        [1, 2, "near"],
    ]


# --- planted defects


@pytest.mark.parametrize("alteration", ALTERED)
def test_an_altered_copy_is_found(chests: Pictures, alteration: str) -> None:
    originals = chests[[0, 7, 15, 23]]
    copies = [np.asarray(ALTERED[alteration](Image.fromarray(p))) for p in originals]
    found = duplicates.find(np.concatenate([originals, copies]))
    pairs = set(zip(found["first"], found["second"], strict=True))
    assert pairs == {(k, k + 4) for k in range(4)}
    assert (found["kind"] == "near").all()
    assert found["mirrored"].tolist() == [alteration.startswith("mirrored")] * 4


def test_different_patients_are_no_copies(chests: Pictures) -> None:
    judged = duplicates.examine(chests)
    assert (judged["kind"] == "refused").all()
    assert len(judged) > 3, "look-alikes that no hash names are not refused"


def test_the_copies_that_a_phantom_cohort_holds_are_found_and_no_others() -> None:
    frame, pixels = phantom.generate(cohort(exact_duplicates=3, near_duplicates=5))
    found = duplicates.find(large(pixels))
    original = frame["planted_duplicate_of"].fillna(frame["image_id"])
    truth = {(a, b) for a, b in combinations(range(len(frame)), 2) if original[a] == original[b]}
    assert len(truth) == 8
    assert set(zip(found["first"], found["second"], strict=True)) == truth
    assert (found["kind"] == "exact").sum() == 3


@pytest.mark.parametrize("level", [0, 40, 128, 255])
def test_a_blank_picture_is_like_no_other_dark_or_blank_one(level: int, chests: Pictures) -> None:
    flat = np.full((SIDE, SIDE), level, np.uint8)
    rng = np.random.default_rng(0)
    noisy = np.clip(rng.normal(level, 1, flat.shape), 0, 255).astype(np.uint8)
    marked = flat.copy()
    marked[:12, :12] = 255 - level
    dark = (chests[0] // 40).astype(np.uint8)
    found = duplicates.find(np.stack([flat, flat ^ 1, noisy, marked, dark, flat]))
    assert found[["first", "second", "kind"]].to_numpy().tolist() == [[0, 5, "exact"]]


def test_blank_pictures_are_not_even_candidates(chests: Pictures) -> None:
    # Their hashes are all alike: a thousand of them would be half a million pairs to judge.
    flat = np.stack([np.full((SIDE, SIDE), level, np.uint8) for level in range(0, 250, 30)])
    assert all(duplicates.blank(picture) for picture in flat)
    assert not any(duplicates.blank(picture) for picture in chests)
    assert duplicates.examine(flat).empty


def test_blank_pictures_of_different_size_are_different(tmp_path: Path) -> None:
    for name, side in (("a", 100), ("b", 200), ("c", 100)):
        Image.new("L", (side, side), 7).save(tmp_path / f"{name}.png")
    (group,) = duplicates.scan([tmp_path]).groups
    assert group["members"] == [str(tmp_path / "a.png"), str(tmp_path / "c.png")]


# --- hashes against ImageHash


def test_hashes_are_those_of_imagehash(chests: Pictures) -> None:
    whole, mirrored = duplicates.hashes(chests[:4])
    for row, picture in enumerate(chests[:4]):
        image = Image.fromarray(picture)
        for packed, other in ((whole[0], image), (mirrored, ImageOps.mirror(image))):
            bits = np.unpackbits(packed[row].view(np.uint8))
            expected = imagehash.phash(other, hash_size=duplicates.HASH_SIZE).hash.ravel()
            # It shrinks in one step, here in two.
            assert (bits != expected).sum() <= 6


@given(st.integers(0, 140), st.integers(0, 140), st.integers(0, 256), st.integers(0, 2**32 - 1))
def test_all_pairs_within_a_distance_are_found_once(n: int, m: int, limit: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = (
        rng.integers(0, 2**64, (count, 4), dtype=np.uint64, endpoint=False) for count in (n, m)
    )
    second[: min(n, m) // 2] = first[: min(n, m) // 2] ^ np.uint64(5)
    for other in (None, second):
        there = first if other is None else second
        bits_a, bits_b = (
            np.unpackbits(np.ascontiguousarray(h).view(np.uint8), axis=1).astype(int)
            for h in (first, there)
        )
        distance = bits_a.sum(1)[:, None] + bits_b.sum(1) - 2 * bits_a @ bits_b.T
        expected = {
            (i, j, int(distance[i, j]))
            for i in range(n)
            for j in range(len(there))
            if distance[i, j] <= limit and (other is not None or i < j)
        }
        got = [
            (int(i), int(j), int(d))
            for chunk in duplicates.within(first, other, limit)
            for i, j, d in zip(*chunk, strict=True)
        ]
        assert len(got) == len(expected)
        assert set(got) == expected


def test_many_hashes_are_compared_chunk_by_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = np.random.default_rng(3).integers(0, 2**64, (300, 4), dtype=np.uint64, endpoint=False)
    whole = {(i, j) for r, c, _ in duplicates.within(hashes, limit=118) for i, j in zip(r, c)}  # noqa: B905
    monkeypatch.setattr(duplicates, "_COLUMNS", 37)
    monkeypatch.setattr(duplicates, "_ROWS", 11)
    parts = [(i, j) for r, c, _ in duplicates.within(hashes, limit=118) for i, j in zip(r, c)]  # noqa: B905
    assert len(parts) == len(set(parts))
    assert set(parts) == whole


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=14))
def test_groups_are_the_closure_of_links(links: list[tuple[int, int]]) -> None:
    label = duplicates.groups(12, pd.DataFrame(links, columns=["first", "second"], dtype=int))
    closed = [{i} for i in range(12)]
    for _ in range(12):
        for a, b in links:
            union = closed[a] | closed[b]
            for member in union:
                closed[member] = union
    for a, b in combinations(range(12), 2):
        assert (label[a] == label[b]) == (b in closed[a])


# --- the record


def sample(name: str, source: PhantomCohort, synthetic: bool = True) -> Sample:
    frame, pixels = phantom.generate(source)
    contents = [p.tobytes() for p in pixels]
    rows = frame.assign(sha256=[hashlib.sha256(c).hexdigest() for c in contents])
    if not synthetic:
        rows = rows[[c for c in rows if not str(c).startswith("planted")]]
    return Sample(name, rows, large(pixels))


@pytest.fixture(scope="module")
def demo() -> studies.Study:
    return studies.load("config/demo.yaml")


@pytest.fixture(scope="module")
def two() -> dict[str, Sample]:
    return {
        "cohort": sample("cohort", cohort(exact_duplicates=1, near_duplicates=5)),
        "other": sample("other", cohort(covid19=4, normal=4, seed=5)),
    }


@pytest.fixture(scope="module")
def made(
    demo: studies.Study, two: dict[str, Sample], tmp_path_factory: pytest.TempPathFactory
) -> records.Record:
    return duplicates.record(demo, results=tmp_path_factory.mktemp("results"), samples=two)


def test_a_record_tells_what_was_planted_and_found(made: records.Record) -> None:
    assert made["counts"]["exact"] == 1
    assert made["counts"]["near"] == 5
    assert made["counts"]["across_cohorts"] == made["counts"]["across_classes"] == 0
    counted = duplicates.found_planted(made)
    assert counted["planted"].sum() == counted["found"].sum() == 6
    assert duplicates.alarms(made) == {"one": 0, "two": 0}
    assert "Of 6 planted copies 6 were found" in duplicates.planted_words(made)
    assert duplicates.answer(made).startswith("Yes, 1 exact and 5 near")
    summary = duplicates.summary(made)
    assert summary["exact"].sum() == 1
    assert summary["near"].sum() == 5
    assert summary["in them"].sum() == 12


def test_a_record_is_shown_without_images_and_remade_for_others_when_asked(
    made: records.Record,
    demo: studies.Study,
    two: dict[str, Sample],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    results = made.folder.parent
    assert duplicates.record(demo, results=results, samples=None).content == made.content
    with pytest.raises(Problem, match="no such record"):
        duplicates.record(demo, results=results / "none", samples=None)
    with pytest.raises(Problem, match="the input data is"):
        duplicates.record(demo, results=results, samples={"cohort": two["cohort"]})
    monkeypatch.setenv("RERUN", "1")
    again = duplicates.record(demo, results=results, samples={"cohort": two["cohort"]})
    assert again["fingerprints"] != made["fingerprints"]
    made_again = duplicates.record(demo, results=results, samples=two)
    tables = [duplicates.pairs(r).to_csv() for r in (made, made_again)]
    assert tables[0] == tables[1]


def test_merged_labels_join_groups_and_copies_and_nothing_else(
    made: records.Record, two: dict[str, Sample]
) -> None:
    merged = duplicates.merged(two, made)
    for name, one in two.items():
        assert len(merged[name]) == len(one.manifest)
        assert len(set(merged[name])) == one.manifest["group_id"].nunique()
    # Synthetic patients of two cohorts share names, not bodies.
    assert not set(merged["cohort"]) & set(merged["other"])


def test_merged_labels_reach_across_cohorts(demo: studies.Study, tmp_path: Path) -> None:
    first = sample("cohort", cohort(covid19=4, normal=4), synthetic=False)
    second = sample("other", cohort(covid19=4, normal=4, seed=5), synthetic=False)
    names = [f"other-{n}" for n in range(8)]
    images, groups, sources = [f"{n}.png" for n in names], list(names), ["elsewhere"] * 8
    pictures = second.grey.copy()
    # Image 0 is a copy of the other cohort's 3, image 5 is of its last patient.
    pictures[0] = np.asarray(ALTERED["brighter"](Image.fromarray(first.grey[3])))
    known = first.manifest
    groups[5], sources[5] = known["group_id"][7], known["source"][7]
    # The same name from another source is another patient; so is a file that names itself.
    groups[6] = known["group_id"][6]
    images[2] = groups[2] = known["image_id"][1]
    sources[2] = known["source"][1]
    own = known.assign(group_id=known["group_id"].where(known.index != 1, known["image_id"]))
    rows = second.manifest.assign(image_id=images, group_id=groups, source=sources)
    both = {"cohort": Sample("cohort", own, first.grey), "other": Sample("other", rows, pictures)}
    found = duplicates.record(demo, results=tmp_path, samples=both)
    assert found["counts"]["across_cohorts"] == 1
    assert found["counts"]["across_groups"] == 1
    merged = duplicates.merged(both, found)
    shared = [
        (i, j) for i in range(8) for j in range(8) if merged["cohort"][i] == merged["other"][j]
    ]
    assert shared == [(3, 0), (7, 5)]


def test_names_that_look_like_numbers_stay_text(demo: studies.Study, tmp_path: Path) -> None:
    one = sample("cohort", cohort(covid19=2, normal=2), synthetic=False)
    rows = one.manifest.assign(group_id=["001", "NA", "1", "01"])
    pictures = np.concatenate([one.grey[:1], one.grey[:1], one.grey[:2]])
    both = {"cohort": Sample("cohort", rows, pictures)}
    found = duplicates.record(demo, results=tmp_path, samples=both)
    known = duplicates.pairs(found)
    assert set(known["group_a"]) | set(known["group_b"]) == {"001", "NA", "1"}
    assert len(set(duplicates.merged(both, found)["cohort"])) == 2


def test_bars_have_the_colour_of_their_legend_and_none_hides_a_lower_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(common, "Picture", lambda figure, alt: drawn.append(figure))
    rows = [(EXACT, 0.99, 1.0, 8), (NEAR, 0.99, 1.0, 80), (NEAR, 0.98, 0.99, 1)]
    counts = pd.DataFrame(rows, columns=["kind", "low", "high", "n"])
    duplicates_figures.similarities(counts, 0.95)
    (figure,) = drawn
    exact, near, _ = figure.axes[0].containers
    handles = figure.legends[0].legend_handles
    for bars, handle in zip((exact, near), handles, strict=False):
        assert {bar.get_facecolor() for bar in bars} == {handle.get_facecolor()}  # type: ignore[union-attr]
        assert all(bar.get_facecolor()[3] == 1 for bar in bars)
    assert exact[0].get_zorder() > max(bar.get_zorder() for bar in near if bar.get_height() == 80)
    plt.close(figure)


def test_figures_say_what_they_show(made: records.Record, two: dict[str, Sample]) -> None:
    drawn = duplicates_figures.similarities(made.table("similarities"), duplicates.SIMILARITY)
    assert "near copies: 5" in drawn.alt
    shown = duplicates_figures.couples(two, made)
    assert isinstance(shown, figures.Picture)
    assert "mirrored" in shown.alt


# --- folders


@pytest.fixture
def folder(tmp_path: Path, chests: Pictures) -> Path:
    root = tmp_path / "set"
    (root / "below").mkdir(parents=True)
    for name, row in (("a.png", 0), ("b.png", 1), ("below/c.PNG", 0), ("below/d.png", 2)):
        Image.fromarray(chests[row]).save(root / name)
    cut_off = cut(Image.fromarray(chests[1]), 0.03, 0, 0, 0.02)
    cut_off.save(root / "e.jpg", quality=80)
    (root / "notes.txt").write_text("no image")
    (root / "._a.png").write_bytes(b"a system's own")
    return root


def run(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(commands.app, [str(a) for a in arguments])
    if isinstance(done.exception, Problem):
        return done.exception.status, done.stdout, str(done.exception)
    assert not done.exception or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


def listed(*arguments: object) -> list[dict[str, object]]:
    status, out, _ = run("duplicates", *arguments, "--json")
    assert status == 0
    parsed = json.loads(out)
    assert list(parsed) == ["groups"]
    groups: list[dict[str, object]] = parsed["groups"]
    return groups


def test_a_folder_is_listed(folder: Path) -> None:
    exact, near = listed(folder)
    assert exact == {
        "members": [f"{folder}/a.png", f"{folder}/below/c.PNG"],
        "kind": "exact",
        "distance": 0,
    }
    assert near["members"] == [f"{folder}/b.png", f"{folder}/e.jpg"]
    assert near["kind"] == "near"
    assert 0 <= near["distance"] <= duplicates.DISTANCE  # type: ignore[operator]


def test_names_start_as_the_folder_was_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert listed("set")[0]["members"] == ["set/a.png", "set/below/c.PNG"]


def test_text_is_for_people(folder: Path) -> None:
    status, out, _ = run("duplicates", folder)
    assert status == 0
    assert out.startswith("2 groups of copies among 5 images.\n\n1. exact\n")
    assert f"   {folder}/below/c.PNG\n" in out


def test_a_group_of_exact_and_near_copies_is_near(folder: Path) -> None:
    Image.open(folder / "a.png").resize((200, 200)).save(folder / "z.png")
    first = listed(folder)[0]
    assert len(first["members"]) == 3  # type: ignore[arg-type]
    assert first["kind"] == "near"


def test_twin_folders_are_exact_copies_throughout(folder: Path, tmp_path: Path) -> None:
    twin = tmp_path / "twin"
    twin.mkdir()
    for name in ("a.png", "b.png", "below/d.png"):
        (twin / Path(name).name).write_bytes((folder / name).read_bytes())
    for name in ("below/c.PNG", "e.jpg"):
        (folder / name).unlink()
    groups = listed(folder, twin)
    assert [group["kind"] for group in groups] == ["exact"] * 3
    assert all(len(group["members"]) == 2 for group in groups)  # type: ignore[arg-type]


def test_the_same_folder_twice_is_one_folder(folder: Path) -> None:
    once = listed(folder)
    assert listed(folder, folder) == once
    assert listed(folder, folder / "below") == once
    assert listed(folder, f"{folder}/../set") == once


def test_loops_of_links_end(folder: Path) -> None:
    once = listed(folder)
    (folder / "below" / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "again").symlink_to(folder / "below", target_is_directory=True)
    again = listed(folder)
    assert [len(group["members"]) for group in again] == [2, 2]  # type: ignore[arg-type]
    assert len(again) == len(once)


def test_a_link_to_a_file_is_a_copy_of_it(folder: Path) -> None:
    (folder / "link.png").symlink_to(folder / "below" / "d.png")
    assert [f"{folder}/below/d.png", f"{folder}/link.png"] in [g["members"] for g in listed(folder)]


def test_a_damaged_file_is_named_and_left_out(folder: Path) -> None:
    before = listed(folder)
    (folder / "damaged.png").write_bytes((folder / "a.png").read_bytes()[:900])
    status, out, err = run("duplicates", folder, "--json")
    assert status == 0
    assert json.loads(out)["groups"] == before
    assert err.count("damaged.png") == 1
    assert len(err.strip().splitlines()) == 1
    assert "damaged.png" in run("duplicates", folder)[1]


def test_one_image_alone_has_no_copy(tmp_path: Path, chests: Pictures) -> None:
    Image.fromarray(chests[0]).save(tmp_path / "one.png")
    assert listed(tmp_path) == []
    assert run("duplicates", tmp_path)[1] == "No groups of copies among 1 image.\n"


def test_a_folder_that_cannot_be_used_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.png").write_bytes(b"no image")
    for name, words in (
        ("none", "no such folder"),
        ("empty", "no image there"),
        ("bad", "No image can be read"),
    ):
        status, _, said = run("duplicates", tmp_path / name)
        assert status == 2
        assert words in said
        assert "\n" not in said
        assert said.endswith(".")
    with pytest.raises(Unusable):
        duplicates.scan([tmp_path / "empty"])
