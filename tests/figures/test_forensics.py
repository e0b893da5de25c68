"""The page on the paper's images glues what follows from its counts and from the record."""

from covidcxr.figures import forensics as plots
from covidcxr.paper import class_sizes, forensics, split_functions
from tests.conftest import ROOT


def test_the_page_glues_what_the_counts_and_the_record_say() -> None:
    counts = class_sizes.printed_counts()
    pairs = class_sizes.pairs_by_rule(counts)
    fits = class_sizes.fit(class_sizes.data_sets(), *pairs["down"][0])
    tools = split_functions.table(460, 1341, 92, 268)
    made = forensics.record(None, ROOT / "results")
    values = plots.values(counts, pairs, fits, tools, made)
    assert values["forensics_pairs"] == "460 + 1,341 or 461 + 1,340"
    assert values["forensics_pairs_nearest"] == "459 + 1,342 or 462 + 1,339"
    assert values["forensics_prevalence_test"] == 92 / 360
    assert values["forensics_prevalence_all"] == 460 / 1801
    assert values["forensics_others"] == 0 and values["forensics_mixtures"] == 7
    assert values["forensics_unused"] == 116 + 242
    assert values["forensics_wrong_size"] == "361"
    assert (values["forensics_shared"], values["forensics_held_out"]) == (20, 92)
    assert f"at {values['forensics_shared']}." in plots.random_splits(made).alt
