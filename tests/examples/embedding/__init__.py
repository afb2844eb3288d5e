"""The examples of docs/embedding.md: each loop goes through the same scenario, plain and with TLS."""
