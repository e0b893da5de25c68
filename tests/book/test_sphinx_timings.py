"""How long each notebook took is listed."""

from covidcxr.book import sphinx_timings

PAGE = {"template": "notebooks/reproduction/metrics.ipynb", "seconds": 2.5,
        "machine": {"processor": "P", "cores": 2, "memory_bytes": 2**33}}  # fmt: skip


def test_timings_are_listed_the_longest_first() -> None:
    pages = {
        "book/run/b": PAGE | {"seconds": 1.0},
        "book/run/a": PAGE,
        "book/paper": {"shows": {}},
    }
    assert sphinx_timings.rows(pages) == [
        (PAGE["template"], "a", 2.5),
        (PAGE["template"], "b", 1.0),
    ]
    assert "4 in all, on P, 2 cores, 8 GiB." in sphinx_timings.caption(pages)
