"""Scores of two classes: how papers call them, and how they are called in prose."""

from __future__ import annotations

from covidcxr.scores import metrics

_ALIASES = {
    "accuracy": ("acc",),
    "sensitivity": ("recall", "tpr", "sens", "true_positive_rate", "hit_rate"),
    "specificity": ("tnr", "spec", "true_negative_rate", "selectivity"),
    "ppv": ("precision", "positive_predictive_value"),
    "npv": ("negative_predictive_value",),
    "f1": ("f1_score", "f_score", "f_measure", "f1_positive", "dice"),
    "f1_negative": (),
    "jaccard": ("iou", "threat_score", "critical_success_index"),
    "macro_f1": (),
    "weighted_f1": (),
    "macro_ppv": ("macro_precision",),
    "weighted_ppv": ("weighted_precision",),
    "micro_average": ("micro_f1", "micro_precision", "micro_recall", "micro_ppv",
                      "micro_sensitivity", "weighted_recall", "weighted_sensitivity"),
    "balanced_accuracy": ("bacc", "macro_recall", "macro_sensitivity", "average_accuracy"),
    "weighted_specificity": (),
    "mcc": ("matthews", "phi"),
    "kappa": ("cohens_kappa", "cohen_kappa"),
    "error_rate": ("error", "misclassification_rate"),
    "false_negative_rate": ("fnr", "miss_rate"),
    "false_positive_rate": ("fpr", "fall_out"),
    "false_discovery_rate": ("fdr",),
    "false_omission_rate": ("for",),
    "prevalence": (),
    "youden": ("j", "youdens_j", "youden_index", "informedness"),
    "g_mean": ("gmean", "geometric_mean"),
    "lr_positive": ("lr+", "plr", "positive_likelihood_ratio"),
    "lr_negative": ("lr-", "nlr", "negative_likelihood_ratio"),
    "odds_ratio": ("dor", "or", "diagnostic_odds_ratio"),
    "auroc": ("auc", "roc_auc", "c_statistic"),
}  # fmt: skip

NAMES = {alias: name for name, aliases in _ALIASES.items() for alias in (name, *aliases)}
"""What a paper may call a score, and the name that the auditor gives it."""

WORDS = metrics.WORDS | {
    "f1_negative": "F1 of the negative class",
    "jaccard": "Jaccard index",
    "weighted_f1": "weighted F1",
    "macro_ppv": "macro average of the precision",
    "weighted_ppv": "weighted average of the precision",
    "micro_average": "micro average, which is the accuracy",
    "weighted_specificity": "weighted average of the specificity",
    "youden": "Youden's index",
    "g_mean": "geometric mean of sensitivity and specificity",
    "lr_positive": "LR+",
    "lr_negative": "LR-",
    "odds_ratio": "diagnostic odds ratio",
}
"""Names in prose where they are not the plain words."""

UNBOUNDED = ("lr_positive", "lr_negative", "odds_ratio")
SIGNED = ("mcc", "kappa", "youden")


def canonical(score: str) -> str | None:
    """Return the auditor's name of a score as a paper writes it, or None for an unknown one."""
    plain = score.strip().lower().replace("'", "").replace("-", "_").replace(" ", "_")
    # LR- keeps its sign.
    return NAMES.get(score.strip().lower()) or NAMES.get(plain)


def word(score: str) -> str:
    """Return the name of a score in prose."""
    return WORDS.get(score, score.replace("_", " "))
