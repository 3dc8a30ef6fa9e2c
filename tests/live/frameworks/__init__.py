"""The same small application, once for each ASGI framework, as its users would write it.

    GET  /told/NAME?a=b    JSON: the path, the query, and what was put into the state at start-up
    POST /upload           multipart; the name, length and SHA-256 of its field `file`
    PUT  /raw              the length and SHA-256 of the content, which is read piece by piece
    GET  /stream/COUNT     so many lines, one after the other
    GET  /endless          until the client leaves; then the file `left` is there
    GET  /background       an answer; a task after it, which waits at the gate `background` and makes the file `done`
    GET  /error            an exception
    WS   /echo             the first subprotocol that is offered; echoes, until it is told "close"; at the client's own
                           close, the file `closed` has its code
    WS   /refuse           closed before it was accepted
    at shut-down           the file `shut-down` is there

Django has no background tasks and no lifespan; Falcon waits for no task. Servers run in a test's directory, with this
one on PYTHONPATH.
"""
