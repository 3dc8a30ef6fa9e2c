"""HTTP/1.1 as bytes in, events out: no sockets, no files, no clock. Shells use `connection.Connection`."""
