"""Structures of a chest radiograph, each a function of the traits.

Coordinates run from -1 to 1, x to the image's right (the patient's left), y downwards, so that
one anatomy can be rendered at any size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from covidcxr.cohorts.anatomy import BEADS, FORKS, TRAITS, TRUNKS, Anatomy, Array

Numbers = NDArray[np.floating] | float

SIDES = np.array([[-1.0], [1.0]])  # right and left of the patient

LETTERS = {
    "L": ("#....", "#....", "#....", "#....", "#....", "#....", "#####"),
    "R": ("####.", "#...#", "#...#", "####.", "#.#..", "#..#.", "#...#"),
    "A": (".###.", "#...#", "#...#", "#####", "#...#", "#...#", "#...#"),
}


class View:
    """Traits by name, and the coordinates of all pixels within each body."""

    def __init__(self, anatomy: Anatomy, size: int) -> None:
        columns = anatomy.traits.T[:, :, None, None]
        self._traits: dict[str, Array] = dict(zip(TRAITS, columns, strict=True))
        self.pixel = 2 / size
        self.axis = (np.arange(size) + 0.5) * self.pixel - 1
        self.y = (self.axis[:, None] - self["shift_y"]) / self["zoom"]  # (n, size, 1)
        self.x = (self.axis - self["shift_x"]) / self["zoom"] - self["tilt"] * self.y
        self.ax = np.abs(self.x)
        self.left = self.x > 0  # the patient's left

    def __getitem__(self, trait: str) -> Array:
        return self._traits[trait]

    def edge(self, distance: Array, softness: float = 0.012) -> Array:
        """Step from 0 to 1 where a signed distance changes sign; never sharper than a pixel."""
        return step(distance / (2 * np.hypot(softness, self.pixel / 2)) + 0.5)

    def blobs(
        self, x: Numbers, y: Numbers, sigma: Numbers, height: Numbers, posed: bool = True
    ) -> Array:
        """Sum isotropic Gaussians: arrays that broadcast to ``(n, ...)``, one value a blob.

        A Gaussian is a column times a row, so the sum over blobs is a matrix product.
        """
        x, y, sigma, height = (
            a.reshape(len(a), -1) for a in np.broadcast_arrays(x, y, sigma, height)
        )
        if posed:  # isotropic, so that moving the centre is enough
            zoom = self["zoom"][:, 0]
            x = (x + self["tilt"][:, 0] * y) * zoom + self["shift_x"][:, 0]
            y = y * zoom + self["shift_y"][:, 0]
        # A pixel averages over its area: a finer blob is wider and fainter there.
        seen = np.hypot(sigma, self.pixel / 3)
        height = height * (sigma / seen) ** 2
        rows = np.exp(-0.5 * ((self.axis[:, None] - y[:, None]) / seen[:, None]) ** 2)
        columns = np.exp(-0.5 * ((self.axis - x[..., None]) / seen[..., None]) ** 2)
        return np.asarray((rows * height[:, None]) @ columns)

    def field(self, cells: Array) -> Array:
        """Interpolate ``(n, k, k)`` normal numbers into a smooth field of unit variance."""
        centres = np.linspace(-1, 1, cells.shape[-1])
        basis = np.exp(-0.5 * ((self.axis[:, None] - centres) / (0.8 * (centres[1] + 1))) ** 2)
        basis /= np.linalg.norm(basis, axis=1, keepdims=True)
        return np.asarray(basis @ cells @ basis.T)


def step(t: Array) -> Array:
    """Smooth step (smoothstep) from 0 to 1."""
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def cage(view: View) -> Array:
    """Half the width of the rib cage at every height, ``(n, size, 1)``."""
    waist = 0.40
    t = np.clip((waist - view.y) / (waist - view["apex"]), 0, 1)
    narrowing = 1 - 0.10 * np.maximum(view.y - waist, 0)
    return np.asarray(view["width"] * np.sqrt(1 - t ** view["taper"]) * narrowing)


def body(view: View) -> Array:
    """Thickness of soft tissue, 0 outside to 1: neck, shoulders, flanks."""
    flank = view["flank"] * view["width"]
    reach = flank + 0.28
    slope = np.clip((view.y - view["shoulder"] + 0.32) / 0.42, 0, 1)
    half = view["neck"] + (reach - view["neck"]) * slope**1.7
    half = half + 0.25 * np.maximum(-0.93 - view.y, 0)  # the neck widens to the jaw
    half = half - (reach - flank) * step((view.y + 0.42) / 0.55)
    return np.sqrt(np.maximum(1 - (view.ax / half) ** 4, 0))


def shoulders(view: View) -> Array:
    """Shoulder blades and heads of the humerus, blurred."""
    x = SIDES * (view["flank"] * view["width"] + np.array([0.02, 0.10, -0.06]))
    y = view["shoulder"] + np.array([0.10, 0.05, 0.30])
    return view.blobs(x, y, np.array([0.09, 0.07, 0.09]), np.array([0.12, 0.10, 0.05]))


def diaphragm(view: View) -> Array:
    """Height of the domes: the right one higher, both falling to the costophrenic angles."""
    top = view["dome"] + view["dome_drop"] * step(view.x / 0.2 + 0.5)
    away = view.ax - 0.46 * view["width"]
    return top + np.where(away > 0, 1.7, 0.9) * away**2


def below_diaphragm(view: View) -> Array:
    """Abdomen, 0 above the diaphragm to 1 below."""
    return view.edge(view.y - diaphragm(view), 0.008)


def mediastinum(view: View) -> tuple[Array, Array]:
    """Great vessels and heart: their shadow, and the half-width it has at each height."""
    y, dome, heart = view.y, view["dome"], view["heart"] * view["width"]

    def bump(centre: Array | float, above: float, beneath: float) -> Array:
        t = (y - centre) / np.where(y < centre, above, beneath)
        return np.exp(-0.5 * np.abs(t) ** 2.3)

    narrow = 0.115 + 0.02 * step((-0.35 - y) / 0.3)
    right = narrow + (0.70 * heart - narrow) * bump(dome - 0.16, 0.21, 0.24)
    left = narrow + (1.30 * heart - narrow) * bump(dome - 0.05, 0.26, 0.16)
    left = left + view["knob"] * bump(-0.36, 0.07, 0.08) + 0.045 * bump(-0.14, 0.10, 0.10)
    border = np.where(view.left, left, right)
    inside = border - view.ax
    depth = 0.45 + 0.55 * (1 - np.exp(-np.maximum(inside, 0) / 0.09))
    # Above the clavicles the borders fade into the neck.
    return view.edge(inside, 0.014) * depth * step((y + 0.95) / 0.5), border


def air(view: View, cage: Array, border: Array, below: Array) -> Array:
    """Depth of air in the lungs, 0 to 1; a little of it lies behind heart and diaphragm."""
    # Distances across the border, not along x: the apex is a round roof.
    slope = np.gradient(cage, axis=1) / view.pixel
    beside = (cage - view.ax) / np.hypot(1, slope)
    # The lung leaves the spine towards its apex.
    height = np.maximum(view.y - view["apex"], 0)
    medial = view.ax - border - 0.06 * np.exp(-height / 0.20) - 0.006 / (height + 0.02)
    medial = medial / np.hypot(1, 0.006 / (height + 0.02) ** 2)
    above = diaphragm(view) - view.y
    depth = 0.50 + 0.50 * (1 - np.exp(-np.maximum(beside, 0) / 0.10))
    depth *= 0.72 + 0.28 * (1 - np.exp(-np.maximum(above, 0) / 0.15))
    lung = view.edge(beside) * depth
    front = view.edge(medial, 0.016)
    return lung * (front + 0.22 * (1 - front)) * (1 - 0.90 * below)


def ribs(view: View, cage: Array, below: Array) -> Array:
    """Posterior arcs, and anterior ones that cross them, fainter and fading inwards."""
    gap, drop = view["rib_gap"], view["rib_drop"]
    across = view.ax / np.maximum(cage, 0.03)

    def bands(level: Array, share: float) -> Array:
        c = np.cos(2 * np.pi * level)
        limit = np.cos(np.pi * share)
        core = np.clip((c - limit) / (1 - limit), 0, 1)
        tube = step((c - limit) / 0.45 + 0.5) * (1 - 0.45 * core)  # its walls are dense
        return np.asarray(tube)

    fall = drop * view.ax / view["width"] * np.minimum(across, 1.1) ** 1.6
    posterior = bands((view.y - fall + 0.10 * view.ax) / gap + view["rib_phase"], 0.42)
    rise = 0.62 * drop * (cage - view.ax)
    anterior = bands((view.y - rise) / (1.12 * gap) + 2 * view["rib_phase"] + 0.3, 0.46)
    anterior = anterior * 0.55 * step((across - 0.35) / 0.35) * step((view.y + 0.45) / 0.3)
    tangential = 1 + 0.6 * np.exp(-np.abs(across - 1.0) / 0.05)
    inside = view.edge(1.04 * cage - view.ax) * view.edge(view.ax - view["spine"], 0.03)
    fade = (1 - 0.75 * below) * step((0.95 - view.y) / 0.4)
    return view["rib_density"] * (posterior + anterior) * tangential * inside * fade


def clavicles(view: View) -> Array:
    """Two gentle S-curves from the sternum outwards and up."""
    along = view.ax / view["width"]
    middle = view["clavicle_y"] - view["clavicle"] * (along - 0.10 + 0.10 * np.sin(5 * along))
    half = 0.030 + 0.016 * np.exp(-along / 0.10)
    inside = half - np.abs(view.y - middle)
    ends = view.edge(view.ax - 0.075, 0.02) * view.edge(1.02 - along, 0.05)
    core = np.clip(inside / half, 0, 1)
    return 0.115 * view.edge(inside, 0.010) * ends * (1 - 0.35 * core)


def spine(view: View) -> Array:
    """Vertebral bodies with discs, pedicles and spinous processes, dim behind the heart."""
    period = 0.9 * view["rib_gap"]
    level = view.y / period + view["rib_phase"]
    cycle = np.cos(2 * np.pi * level)
    half = view["spine"] * (1 + 0.06 * cycle) * (1 + 0.12 * view.y)
    body = view.edge(half - view.ax, 0.016)
    disc = step((-cycle - 0.70) / 0.4 + 0.5)
    spot = np.exp(2.5 * (cycle - 1))
    pedicle = spot * np.exp(-0.5 * ((view.ax - 0.62 * half) / 0.016) ** 2)
    process = spot * np.exp(-0.5 * (view.ax / 0.014) ** 2)
    dim = 1 - 0.55 * step((view.y + 0.6) / 0.7)
    return (0.10 * body * (1 - 0.35 * disc) + 0.035 * pedicle + 0.035 * process) * dim


def trachea(view: View) -> Array:
    """Air from the neck to the carina, and the main bronchi."""
    carina = -0.22
    deep = np.maximum(view.y - carina, 0)
    away = np.abs(view.x - view["trachea"] - 0.01 * view.left * (deep > 0))
    half = 0.048 + 0.004 * view.y
    tube = view.edge(half - away, 0.018) * view.edge(carina - view.y, 0.09)
    # The left main bronchus leaves flatter than the right.
    run = np.where(view.left, 1.35, 0.85) * deep
    bronchus = np.exp(-0.5 * ((away - run - 0.02) / 0.026) ** 2) * step(deep / 0.08)
    tube = tube * step((view.y + 1.25) / 0.3)
    return np.asarray(0.15 * tube + 0.07 * bronchus * np.exp(-deep / 0.10))


def vessels(anatomy: Anatomy, view: View) -> Array:
    """Hila, and arteries that fork and taper outwards, drawn as chains of blobs."""
    n, t, scale = len(anatomy), np.linspace(0, 1, BEADS), view["width"] / 0.80
    trunks = (n, 2, TRUNKS)
    x = np.broadcast_to(SIDES * 0.17 * scale, trunks)
    y = np.broadcast_to(np.array([[0.01], [-0.05]]) + np.linspace(-0.09, 0.09, TRUNKS), trunks)
    angle = np.broadcast_to(np.linspace(-1.15, 1.30, TRUNKS), trunks)
    draws = np.split(anatomy.vessels, TRUNKS * (2 ** np.arange(1, FORKS + 1) - 1), axis=2)
    total = view.blobs(SIDES * 0.185 * scale, np.array([[0.0], [-0.06]]), 0.08, 0.15)
    for fork, draw in enumerate(draws):
        bend, stretch = draw[..., 0], draw[..., 1]
        angle = angle + 0.20 * bend
        course = angle[..., None] + 0.35 * bend[..., None] * t
        reach = (scale * 0.23 * 0.80**fork * np.exp(0.15 * stretch))[..., None] * t
        xs = x[..., None] + SIDES[..., None] * reach * np.cos(course)
        ys = y[..., None] + reach * np.sin(course)
        sigma = 0.0175 * 0.70**fork * (1 - 0.30 * t)
        total += view.blobs(xs, ys, sigma, 0.075 * 0.84**fork * (1 - 0.18 * t))
        x, y = np.repeat(xs[..., -1], 2, axis=2), np.repeat(ys[..., -1], 2, axis=2)
        angle = np.repeat(angle, 2, axis=2) + np.tile([-0.28, 0.28], angle.shape[2])
    return total


def opacity(anatomy: Anatomy, view: View, texture: Array) -> Array:
    """Ground glass: bilateral, peripheral, in the lower zones, patchy; 0 to 1."""
    focus, blob = anatomy.opacities[..., :1, :], anatomy.opacities[..., 1:, :]
    side, width, dome = SIDES[..., None], view["width"][..., None], view["dome"][..., None]
    x = side * width * (0.56 + 0.36 * np.sqrt(focus[..., 0]))
    y = dome - 0.02 - 0.62 * focus[..., 1] ** 1.5
    x = x + 0.26 * (blob[..., 0] - 0.5)
    y = y + 0.30 * (blob[..., 1] - 0.5)
    height = (0.25 + 0.75 * blob[..., 3]) * (0.5 + focus[..., 2])
    cloud = view.blobs(x, y, 0.025 + 0.050 * blob[..., 2], height)
    cloud = cloud * np.clip(1 + 0.6 * texture, 0.1, None)
    return np.asarray(1 - np.exp(-1.5 * anatomy.severity[:, None, None] * cloud))


def marker(anatomy: Anatomy, view: View) -> Array:
    """Lead letters in a corner: L in adults, RA in children."""
    pitch = 0.022
    corners = {"L": (0.80, -0.92, ~anatomy.paediatric), "RA": (-0.86, -0.86, anatomy.paediatric)}
    grey = np.zeros((len(anatomy), view.axis.size, view.axis.size))
    for text, (x, y, shown) in corners.items():
        lines = ["".join(LETTERS[letter][row] + "." for letter in text) for row in range(7)]
        row, column = np.nonzero([[mark == "#" for mark in line] for line in lines])
        height = 0.75 * shown[:, None]
        grey += view.blobs(x + pitch * column, y + pitch * row, 0.6 * pitch, height, posed=False)
    return grey
