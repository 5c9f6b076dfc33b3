"""ONNX graphs, read without weights."""
