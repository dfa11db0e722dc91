"""Self-classifying MNIST digits: neural cellular automata in Keras 3 and TensorFlow.

A reproduction of Randazzo, Mordvintsev, Niklasson, Levin and Greydanus,
"Self-classifying MNIST Digits", Distill 2020, doi:10.23915/distill.00027.002.
"""

import os

__version__ = "0.1.0"

# Keras reads this when it is first imported. It counts for more than ~/.keras/keras.json.
os.environ["KERAS_BACKEND"] = "tensorflow"
