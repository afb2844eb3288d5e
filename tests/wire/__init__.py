"""The wire layer: bytes to frames, frames to bytes."""
