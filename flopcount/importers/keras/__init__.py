"""Models of Keras, from their JSON."""
