"""What most commands load and compute, once, in a process from which tests fork the commands."""

import functools
import gc

import keras  # noqa: F401
import matplotlib.backends.backend_agg
import matplotlib.figure  # noqa: F401
import scipy.ndimage  # noqa: F401
import skimage.measure
import skimage.morphology  # noqa: F401
import tensorflow  # noqa: F401
import tensorflow_datasets  # noqa: F401

import selforg_mnist.training.training_loop  # noqa: F401
from selforg_mnist.data import digits

# Commands get the embedded digits from here; to draw them takes two seconds each time.
digits._draw = functools.cache(digits._draw)
for split in digits.SPLITS:
    digits._draw(split, 0, None)
gc.freeze()  # so that forks don't look through, and thereby copy, what is there
