"""Figures and glued values of the page on the architecture."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.patches import Patch

from covidcxr.core.studies import ModelName, Study
from covidcxr.figures.common import BLUE, INK, RUST, WIDTH, YELLOW, Picture
from covidcxr.networks import complexity, pointwise
from covidcxr.networks.complexity import Account

_COLORS = [BLUE, RUST, "#212529", YELLOW]
_UNITS = {"parameters": (1e6, "million"), "multiply_adds": (1e9, "billion")}


def values(
    accounts: Mapping[ModelName, Account], settings: Study, train_images: int
) -> dict[str, float]:
    """Sizes and costs of the networks, by glue key."""
    fusion, single = accounts["resnet252v2"], accounts["resnet50"]
    size, _, channels = fusion.final_map
    filters, classes = (fusion.steps[name][-1] for name in ("pointwise", "probabilities"))
    two_layers = sum(part.parameters for part in fusion.head)
    one_layer = size * size * channels * classes + classes
    published = complexity.published_multiply_adds(50, complexity.PRINTED_SIZE)
    depths = [complexity.published_depth(layers) for layers in complexity.STAGES]
    updates = complexity.updates(train_images, settings.batch_size, settings.epochs)
    return {
        "arch_image": settings.image_size,
        "arch_map": size,
        "arch_stride": settings.image_size / size,
        "arch_channels_one": fusion.steps["resnet50"][-1],
        "arch_channels": channels,
        "arch_filters": filters,
        "arch_features": size * size * channels,
        "arch_features_per_image": size * size * channels / train_images,
        "arch_hidden": filters // (size * size),
        "arch_params_fusion": fusion.parameters,
        "arch_params_direct": one_layer,
        "arch_params_two": two_layers,
        "arch_params_excess": two_layers / one_layer,
        "arch_share_backbones": 100 * (1 - two_layers / fusion.parameters),
        "arch_flops_fusion": fusion.multiply_adds / 1e9,
        "arch_flops_ratio": fusion.multiply_adds / single.multiply_adds,
        "arch_flops50_224": published / 1e9,
        "arch_flops50_printed": complexity.PRINTED_RESNET50 / 1e9,
        "arch_flops50_256": fusion.parts["resnet50"].multiply_adds / 1e9,
        "arch_published_size": complexity.PRINTED_SIZE,
        "arch_depth_50": depths[0],
        "arch_depth_152": depths[1],
        "arch_depth_sum": sum(depths),
        "arch_depth_path": fusion.depth,
        "arch_train_images": train_images,
        "arch_steps": updates.per_epoch,
        "arch_updates": updates.total,
        "arch_batch": settings.batch_size,
        "arch_epochs": settings.epochs,
        "arch_dropout": settings.dropout,
    }


def part_bars(parts: pd.DataFrame) -> Picture:
    """Stacked bars of parameters and multiply-adds, from `complexity.by_part`."""
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 2.9), sharey=True)
    colors = dict(zip(complexity.PARTS.values(), _COLORS, strict=True))
    for axis, (what, (unit, word)) in zip(axes, _UNITS.items(), strict=True):
        left = (parts.groupby("network")[what].cumsum() - parts[what]) / unit
        shades = [colors[part] for part in parts["part"]]
        axis.barh(parts["network"], parts[what] / unit, left=left, color=shades, height=0.6, lw=0)
        axis.set_xlim(0, 1.05 * (left + parts[what] / unit).max())
        axis.set_xlabel(f"{word} {what.replace('_', '-')}")
        axis.grid(axis="y", visible=False)
    axes[0].invert_yaxis()
    handles = [Patch(color=color, label=part) for part, color in colors.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    shares = [
        f"{row['network']}: {row['part']} {row['share']:.1%}" for row in parts.to_dict("records")
    ]
    alt = f"Bars of parameters and multiply-adds. Parameters of {'; '.join(shares)}."
    return Picture(figure, alt)


def truncation(heads: Mapping[str, pointwise.Floats], filters: int) -> Picture:
    """Error of the best head over the number of filters, a line a head."""
    figure, axis = plt.subplots(figsize=(WIDTH, 3.6))
    ranks = {}
    for color, (name, head) in zip(_COLORS, heads.items(), strict=False):
        errors = pointwise.truncation_errors(head)
        rank = ranks[name] = int(np.argmax(errors < 1e-9))
        numbers = [*range(1, rank + 1), filters * 1.3]
        axis.plot(numbers, [*errors[1 : rank + 1], 0], color=color, lw=1.5, label=name)
        axis.plot(rank, 0, "D", ms=11, mfc="none", mec=color, clip_on=False)
    axis.axvline(filters, color=INK, ls=":")
    axis.text(filters * 0.9, 0.6, f"the paper: {filters:,}", ha="right")
    axis.set_xscale("log", base=2)
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.set(xlabel="filters of the 1 × 1 convolution", ylabel="relative error of the logits")
    axis.set_ylim(0)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    zeros = "; ".join(f"{name}: zero from {rank} filters on" for name, rank in ranks.items())
    return Picture(figure, f"Error against the number of filters of three classifiers. {zeros}.")
