"""STOMP over WebSocket: the pure layer, the session on it, and real brokers."""
