"""Caffe networks: `.prototxt` files."""
