"""Addresses such as ``s3://bucket/folder``: what they mean, and who opens them.

What lives here: telling an address from a folder, and a client for S3 made from the
environment, as other tools take it.
The guarantee: nothing is asked of the store here; a setting that can't work is
refused in words. Requests end: each has a timeout, and none is repeated for ever.
What it may not know: Parquet, positions, what a store does with its client.

Read from the environment: ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``,
``AWS_SESSION_TOKEN``; ``AWS_REGION`` or ``AWS_DEFAULT_REGION``;
``AWS_ENDPOINT_URL_S3`` or ``AWS_ENDPOINT_URL``, also with ``http://``; ``AWS_PROFILE``
with the keys, region and endpoint of that profile in ``~/.aws``; web identities,
containers and instances of AWS; ``AWS_SKIP_SIGNATURE=true`` for public buckets; and
the other settings that obstore documents.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from esbench.errors import StoreError
from esbench.log.refusals import NO_CREDENTIALS
from esbench.log.store import Folder, Store

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config, S3Store

    from esbench.log.objects import ObjectStore

LARGE = 4 * 1024**2  # bytes; a put of more may take minutes
QUICK, SLOW = 30, 900  # seconds

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):[/\\]{2,}", re.IGNORECASE)
_ADDRESS = re.compile(r"(?s)s3:[/\\]{1,2}(?P<bucket>[^/\\]*)[/\\]?(?P<folder>.*)")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_PART = re.compile(r"[^?#*\\\x00-\x1f\x7f]+")
_OTHER_SOURCES = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_KEYS = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
}


def store_at(place: str | os.PathLike[str]) -> tuple[Store, str]:
    """Return the store in a folder or at an address, and what to call it.

    Args:
        place: a folder, or ``s3://bucket/folder``. A ``Path`` made from an address,
            which has lost a slash, will do.

    Raises:
        StoreError: an address that is none, or settings that can't work.
    """
    text = written(place)
    if not is_address(text):
        return Folder(text), Path(text).name
    store = s3(text)
    return store, store.url("").rstrip("/")


def written(place: str | os.PathLike[str]) -> str:
    """Return a folder as text, or an address with the slash that a ``Path`` took."""
    text = os.fspath(place)
    found = _ADDRESS.fullmatch(text)
    if found is None:
        return text
    folder = found["folder"].replace("\\", "/").rstrip("/")
    return f"s3://{found['bucket']}" + (f"/{folder}" if folder else "")


def is_address(text: str) -> bool:
    """Tell an address from a folder; raise ``StoreError`` for one of another kind."""
    if _ADDRESS.fullmatch(text):
        return True
    other = _SCHEME.match(text)
    if other is not None:
        raise StoreError(
            f"{other[0]}… is no address that is known here: write s3://bucket/folder "
            "or a folder, or open another store by "
            "EventLog.over(ObjectStore(client, url=…))"
        )
    return False


def s3(address: str) -> ObjectStore:
    """Return the store at ``s3://bucket/folder``; nothing is asked of it yet.

    Raises:
        StoreError: no such address, no credentials, or the extra is not installed.
    """
    from esbench.log.objects import ObjectStore

    bucket, folder = _split(address)
    settings = _settings(os.environ)
    client = _client(bucket, folder, settings, retries=4, seconds=SLOW)
    quick = _client(bucket, folder, settings, retries=0, seconds=QUICK)
    slow = _client(bucket, folder, settings, retries=0, seconds=SLOW)
    url = f"s3://{bucket}/{folder}".rstrip("/")
    return ObjectStore(
        client, url=url, writer=lambda size: slow if size > LARGE else quick
    )


def _split(address: str) -> tuple[str, str]:
    """Return the bucket and the folder in it; the folder may be empty."""
    found = _ADDRESS.fullmatch(address)
    bucket, rest = (found["bucket"], found["folder"]) if found else ("", "")
    parts = re.split(r"[/\\]", rest.rstrip("/\\")) if rest.strip("/\\") else []
    fits = all(_PART.fullmatch(part) and part not in {".", ".."} for part in parts)
    if not _BUCKET.fullmatch(bucket) or not fits:
        raise StoreError(
            f"{address!r} names no place in S3: write s3://bucket/folder, without "
            "options behind it (those come from the environment)"
        )
    return bucket, "/".join(parts)


def _client(
    bucket: str, folder: str, settings: S3Config, *, retries: int, seconds: int
) -> S3Store:
    """Return a client whose requests end in ``seconds``, tried again so many times."""
    from datetime import timedelta

    try:
        from obstore.store import S3Store
    except ModuleNotFoundError:
        raise StoreError(
            "a log on S3 needs one more package: pip install 'esbench[s3]'"
        ) from None
    options: ClientConfig = {
        "allow_http": settings.get("endpoint", "").startswith("http://"),
        "connect_timeout": timedelta(seconds=5),
        "read_timeout": timedelta(seconds=min(seconds, QUICK if retries else seconds)),
        "timeout": timedelta(seconds=seconds),
    }
    again: RetryConfig = {
        "max_retries": retries,
        "retry_timeout": timedelta(seconds=60),
        "backoff": {"max_backoff": timedelta(seconds=2)},
    }
    try:
        return S3Store(
            bucket,
            prefix=folder or None,
            config=settings,
            client_options=options,
            retry_config=again,
        )
    except Exception as error:
        said = str(error).partition("\n")[0]
        raise StoreError(f"the settings for s3://{bucket} don't fit: {said}") from error


# --- settings --------------------------------------------------------------------


def _settings(environ: Mapping[str, str]) -> S3Config:
    """Return what is not left to obstore, which reads the environment by itself."""
    profile = _profile(environ)
    settings: S3Config = {
        "conditional_put": "etag",
        "disable_bulk_delete": True,  # not every store knows it
        "region": environ.get("AWS_REGION")
        or environ.get("AWS_DEFAULT_REGION")
        or profile.get("region")
        or "us-east-1",
    }
    endpoint = (
        environ.get("AWS_ENDPOINT_URL_S3")
        or environ.get("AWS_ENDPOINT_URL")
        or profile.get("endpoint_url")
    )
    if endpoint:
        settings["endpoint"] = settings["aws_endpoint_url_s3"] = endpoint.rstrip("/")
    settings.update(_credentials(environ, profile))  # type: ignore[typeddict-item]
    return settings


def _credentials(
    environ: Mapping[str, str], profile: Mapping[str, str]
) -> dict[str, str]:
    """Return the keys of the profile, if the environment has none of its own."""
    if environ.get("AWS_ACCESS_KEY_ID") or _is_true(environ, "AWS_SKIP_SIGNATURE"):
        return {}
    if any(environ.get(source) for source in _OTHER_SOURCES):
        return {}
    keys = {name: profile[key] for key, name in _KEYS.items() if profile.get(key)}
    if not keys and not _has_instance(environ):
        raise StoreError(_without_keys(environ, profile))
    return keys


def _without_keys(environ: Mapping[str, str], profile: Mapping[str, str]) -> str:
    name = environ.get("AWS_PROFILE")
    if not profile or not name:
        return NO_CREDENTIALS
    return (
        f"the profile {name} holds no keys, and sign-ons and roles are not read from "
        'it: run eval "$(aws configure export-credentials --format env)" first'
    )


def _is_true(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "").lower() in {"1", "true", "yes", "on"}


def _has_instance(environ: Mapping[str, str]) -> bool:
    """Tell whether this is a machine of AWS that may hand out keys, within a second."""
    import socket
    from urllib.parse import urlsplit

    if _is_true(environ, "AWS_EC2_METADATA_DISABLED"):
        return False
    place = environ.get("AWS_METADATA_ENDPOINT") or "http://169.254.169.254"
    found = urlsplit(place)
    try:
        address = (found.hostname or "", found.port or 80)
        socket.create_connection(address, timeout=1).close()
    except (OSError, ValueError):
        return False
    return True


def _profile(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what ``~/.aws`` says of the profile in use, empty if there is none."""
    name = environ.get("AWS_PROFILE") or "default"
    home = Path(environ.get("HOME") or Path.home()) / ".aws"
    config = environ.get("AWS_CONFIG_FILE") or home / "config"
    keys = environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials"
    found = _section(config, name if name == "default" else f"profile {name}")
    found |= _section(keys, name)
    if not found and environ.get("AWS_PROFILE"):
        raise StoreError(
            f"there is no profile {name} in {config} or {keys}: check AWS_PROFILE"
        )
    return found


def _section(file: str | Path, name: str) -> dict[str, str]:
    import configparser

    parser = configparser.ConfigParser(interpolation=None, default_section="")
    try:
        parser.read(Path(file).expanduser(), encoding="utf-8")
    except (configparser.Error, OSError, ValueError) as error:
        raise StoreError(f"{file} can't be read: {error}".splitlines()[0]) from error
    return dict(parser[name]) if parser.has_section(name) else {}
