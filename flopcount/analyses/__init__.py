"""Questions one asks of a network, one file each."""
