"""Exported programs of PyTorch: a file or a live program becomes a graph that the walk of `readers.onnx` reads."""
