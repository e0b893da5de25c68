"""Executed pages and prose to a book."""

from covidcxr.book import pages

JUPYTER_BOOK = shlex.quote(str(Path(sys.executable).with_name("jupyter-book")))
SHOWN_PAGES = {page: page_file(page) for page in PAGES}
BOOK = BUILD / "_build/html/index.html"
# A page that is made anew makes the book anew, also where its time says otherwise.
if not all(Path(page).is_file() for page in [*SHOWN_PAGES.values(), *TRAINED]):
    BOOK.unlink(missing_ok=True)

# What a book is rendered from, besides its computed pages.
WRITTEN = [
    "_config.yml",
    "_toc.yml",
    *(str(p) for p in sorted(Path("book").glob("*.*")) if p.name[0] != "."),
    *(str(p) for kind in ("_static", "_templates") for p in sorted(Path("book", kind).glob("*.*"))),
]


def render(folder, builder, log):
    """Put the pages in place, refuse those that are older than what they rest on, and render."""
    shown = {name: Path(path) for name, path in SHOWN_PAGES.items()}
    provenance.check(shown, Path("."))
    pages.stage(shown, Path("book/run"))
    toc = BUILD / "_toc.yml"
    # A study of somebody's own images, and the demonstration, open with their own numbers.
    root = edition.landing(STUDY)
    findings = root == edition.DEMONSTRATION
    toc.write_text(pages.table_of_contents(Path("_toc.yml"), set(shown), root, findings))
    # Pages take numbers from one another, which Sphinx does not follow: hence --all.
    shell(
        "{JUPYTER_BOOK} build . --all --toc {toc:q} --path-output {folder:q} --builder {builder}"
        " --warningiserror --nitpick --keep-going > {log:q} 2>&1"
    )


# On a cluster they are not worth a place in the queue.
localrules: book, pdf


rule book:
    """Render the book for the web."""
    input:
        WRITTEN,
        TRAINED,
        pages=list(SHOWN_PAGES.values()),
    output:
        BOOK,
    log:
        BUILD / "logs/book.log",
    run:
        with atomic.alone(Path("book/run")):
            render(BUILD, "html", str(log))


rule pdf:
    """Set the book for paper."""
    input:
        WRITTEN,
        TRAINED,
        pages=list(SHOWN_PAGES.values()),
    output:
        BUILD / "book.pdf",
    log:
        BUILD / "logs/pdf.log",
    run:
        with atomic.alone(Path("book/run")):
            render(BUILD / "print", "latex", str(log))
        shell("{COVIDCXR} press {BUILD:q}/print/_build/latex/book.tex {output:q}")
