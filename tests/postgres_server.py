"""A PostgreSQL server of one's own, for as long as a test needs it.

What lives here: where its programs are found, and a server in a temporary folder that
listens on a socket there and nowhere else.
The guarantee: nothing is left behind, neither files nor processes.
What it may not know: what the tests do with it.

PostgreSQL refuses to run as root; then the user ``postgres``, or else ``nobody``, runs
it.
"""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path


def programs():
    """Give the folder of initdb and pg_ctl, or None where there is none."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, folders)])
    found = shutil.which("pg_ctl", path=path)
    if found is None or shutil.which("initdb", path=path) is None:
        return None
    return Path(found).parent


def _user():
    if os.geteuid():
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    return None


@contextlib.contextmanager
def running():
    """Start a server; give what psycopg connects to; stop it and remove its files."""
    user, bin_ = _user(), programs()
    folder = Path(tempfile.mkdtemp(prefix="pg"))

    def run(name, *arguments):
        ids = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid}
        done = subprocess.run(
            [str(bin_ / name), *arguments],
            cwd=folder,
            env={**os.environ, "HOME": str(folder), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            extra_groups=None if user is None else [],
            **ids,
        )
        assert done.returncode == 0, done.stdout

    try:
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        data = str(folder / "data")
        run("initdb", "-D", data, "-U", "tester", "-A", "trust", "--no-sync")
        options = f"-c listen_addresses='' -k {folder} -c max_connections=20"
        run(
            "pg_ctl",
            "-D",
            data,
            "-l",
            str(folder / "log"),
            "-w",
            "-o",
            options,
            "start",
        )
        try:
            yield f"host={folder} user=tester dbname=postgres"
        finally:
            run("pg_ctl", "-D", data, "-m", "fast", "-w", "stop")
    finally:
        shutil.rmtree(folder)
