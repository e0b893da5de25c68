"""Checks of what the paper says of its networks' layers, operations and feature maps."""

from __future__ import annotations

from covidcxr.networks import complexity
from covidcxr.networks import pointwise as convolution
from covidcxr.paper import publication
from covidcxr.paper.checks.evidence import Evidence, Finding, Verdict, judge


def depth(evidence: Evidence, number: str) -> Finding:
    """Compare a network's printed depth with its published layout."""
    printed = int(publication.value(number))
    layers = complexity.published_depth(printed)
    blocks = " + ".join(map(str, complexity.STAGES[printed]))
    return judge(layers == printed, blocks=blocks, layers=layers)


def depth_sum(evidence: Evidence, name: str, parts: list[str]) -> Finding:
    """Compare the number in a joined network's name with the depths that it joins."""
    printed, depths = publication.value(name), [int(publication.value(part)) for part in parts]
    total = sum(depths)
    return judge(
        total == printed, depths=" + ".join(map(str, depths)), total=total, printed=f"{printed:.0f}"
    )


def contains(evidence: Evidence, whole: str, part: str) -> Finding:
    """Check that a network has at least the layers of the one that it contains."""
    layers, inner = (int(publication.value(number)) for number in (whole, part))
    return judge(layers >= inner, layers=layers, inner=inner)


def same_network(evidence: Evidence, number: str, meant: str) -> Finding:
    """Check that two places name the same network by its depth."""
    printed, other = (publication.numbers()[id] for id in (number, meant))
    return judge(
        printed.value == other.value,
        Verdict.CORRECTED,
        printed=printed.printed,
        other=other.printed,
    )


def operations(evidence: Evidence, number: str, image_size: str) -> Finding:
    """Compare the printed operations of ResNet50 with its layers."""
    printed, size = publication.numbers()[number], int(publication.value(image_size))
    at_224, here = (complexity.published_multiply_adds(50, n) / 1e9 for n in (224, size))
    close = abs(at_224 - printed.value / 1e9) < 0.1
    # It is called a performance and is a cost.
    return Finding(
        Verdict.CORRECTED if close else Verdict.CONTRADICTED,
        {"printed": printed.printed, "at_224": at_224, "here": here, "size": size},
    )


def equal_maps(evidence: Evidence, image_size: str) -> Finding:
    """Give the shape of the feature maps in which both backbones end."""
    size = int(publication.value(image_size))
    side, channels = complexity.final_side(size), complexity.FINAL_CHANNELS
    return judge(True, size=size, side=side, channels=channels)


def pointwise(evidence: Evidence, filters: str, image_size: str) -> Finding:
    """Compare the filters of the convolution with the rank of a linear classifier behind it."""
    side = complexity.final_side(int(publication.value(image_size)))
    rank, width = convolution.rank_bound(side * side, 2), int(publication.value(filters))
    narrows = "yes" if width < rank else "no"
    return Finding(
        Verdict.UNVERIFIABLE, {"side": side, "rank": rank, "width": width, "narrows": narrows}
    )
