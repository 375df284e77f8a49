"""The Postgres that comes along, for a first look and for small installations.

    with embedded.start(data_dir) as server:
        ... server.url ...

Its binaries arrive as a Python package; everything else about running them is ours, by these rules:

- **It stops when nobody needs it**, however that came about, `kill -9` included. Everyone who uses a server
  holds a named pipe open, which the system closes for the dead. A watcher process reads the other end: when
  the last holder is gone, it stops Postgres in good order. It starts Postgres again when that died by
  itself.
- **Two starts share one server.** The second finds the pipe, holds it too, and gets the same address.
- **A half-made data folder cannot come about**: it is made under another name and renamed when complete.
- **As root, Postgres runs as somebody else**: the owner of the data, or the user `tieout`, or `nobody`. That
  user needs no way through root's private folders, since it reaches the data by an open descriptor; only the
  binaries are copied where they lie in the way of a private home.
- Loopback TCP with a password, which lies beside the data in a file for its owner alone. No Unix socket: its
  path could be too long.

Layout below the data folder: `postgres/data` (Postgres' own), `password`, `alive` (the pipe), `lock` (held
by who starts, joins or stops), `server.json` (there while the server may be joined), `log`.
"""

from service.embedded.server import EmbeddedPostgres, start

__all__ = ["EmbeddedPostgres", "start"]
