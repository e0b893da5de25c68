"""Traits of synthetic patients, from which radiographs are rendered."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

# Double precision, although grey has 8 bits: processors differ in the last bit of
# exp(), which in single precision would change pixels, and with them fingerprints.
Array = NDArray[np.float64]

# name: mean in adults, mean in children, deviation between patients, within a patient
TRAITS: dict[str, tuple[float, float, float, float]] = {
    "width": (0.80, 0.65, 0.040, 0.004),  # half the rib cage, where it is widest
    "apex": (-0.75, -0.62, 0.045, 0.004),
    "dome": (0.51, 0.45, 0.055, 0.016),  # the right diaphragm; moves with breath
    "dome_drop": (0.06, 0.05, 0.012, 0.004),  # the left diaphragm lies lower
    "taper": (2.45, 2.10, 0.150, 0.0),  # of the cage towards the apex; low is a cone
    "flank": (1.24, 1.36, 0.050, 0.0),  # the body's half-width in cage half-widths
    "shoulder": (-0.66, -0.60, 0.050, 0.008),
    "neck": (0.22, 0.25, 0.020, 0.0),
    "heart": (0.48, 0.57, 0.035, 0.004),  # cardiothoracic ratio
    "knob": (0.075, 0.020, 0.012, 0.0),  # aortic arch
    "rib_gap": (0.170, 0.145, 0.008, 0.0),
    "rib_drop": (0.42, 0.20, 0.060, 0.006),  # low is horizontal
    "rib_phase": (0.0, 0.0, 0.40, 0.0),
    "rib_density": (0.100, 0.085, 0.008, 0.002),
    "clavicle": (0.17, 0.07, 0.040, 0.010),  # slope
    "clavicle_y": (-0.50, -0.47, 0.030, 0.010),
    "spine": (0.085, 0.085, 0.005, 0.0),  # half-width
    "trachea": (-0.012, -0.015, 0.010, 0.003),  # x
    "aeration": (0.45, 0.43, 0.020, 0.008),
    "shift_x": (0.0, 0.0, 0.025, 0.008),
    "shift_y": (0.0, 0.0, 0.035, 0.008),
    "zoom": (1.0, 1.0, 0.030, 0.005),
    "tilt": (0.0, 0.0, 0.020, 0.006),
    "exposure": (0.93, 1.07, 0.030, 0.015),  # high is bright
    "contrast": (5.0, 4.7, 0.35, 0.10),
    "border": (-0.10, 0.08, 0.0, 0.004),  # black frame, none where negative
}

FOCI, BLOBS = 4, 7  # opacities: foci in each lung, blobs in each focus
GRAIN = 28  # cells across the texture of a lung
TRUNKS, FORKS, BEADS = 7, 2, 9  # vessels at each hilum, forks, beads of a segment
SEGMENTS = TRUNKS * (2 ** (FORKS + 1) - 1)


@dataclass(frozen=True)
class Anatomy:
    """Anatomy of n images; the first axis of every array is the image.

    Attributes
    ----------
    traits
        ``(n, len(TRAITS))``, in the order and units of `TRAITS`.
    severity
        ``(n,)``, the strength of the findings, 0 to 1.
    paediatric
        ``(n,)``, the style of acquisition.
    vessels
        ``(n, 2, SEGMENTS, 2)``, standard normal: bend and length of a segment.
    opacities
        ``(n, 2, FOCI, BLOBS + 1, 4)``, uniform: place, size and weight.
    texture, haze
        ``(n, GRAIN, GRAIN)``, standard normal: of the patient and of the image.
    """

    traits: Array
    severity: Array
    paediatric: NDArray[np.bool_]
    vessels: Array
    opacities: Array
    texture: Array
    haze: Array

    def __len__(self) -> int:
        return len(self.traits)

    def take(self, which: slice | NDArray[np.intp] | NDArray[np.bool_]) -> Anatomy:
        """Select images."""
        return Anatomy(*(getattr(self, f.name)[which] for f in fields(self)))
