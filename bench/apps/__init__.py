"""Applications that the servers run; their folder is on PYTHONPATH, so that a server finds `plain:hello`."""
