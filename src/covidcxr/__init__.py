"""The executable, auditable edition of one paper on COVID-19 and chest X-rays.

Modules hold one subject each and import downwards only; ``networks`` and
``training`` alone import Keras, and only when called.
"""

__version__ = "0.1.0"
