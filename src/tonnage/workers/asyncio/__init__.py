"""The asgi worker: one event loop, on which the application runs together with what serves it."""
