"""Takes trained models to the web: the TensorFlow.js exporter and the demo page."""
