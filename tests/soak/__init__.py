"""Long runs through a real broker while connections are cut and the broker is killed: `make soak`."""
