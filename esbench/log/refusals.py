"""What an object store's errors mean for a person, and for a put that was lost.

What lives here: the one place that reads the texts of obstore's errors, since their
types don't tell a missing bucket from a missing object.
The guarantee: a sentence that says what to do, without the store's own ids; and when
a put may have been carried out, it is never said that it was not.
What it may not know: what was to be written, and what follows.
"""

from __future__ import annotations

import re

from esbench.errors import StoreError

_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"(?:status: |status code: )(\d{3})")
_NO_CREDENTIALS = re.compile(r"/latest/(api/token|meta-data)|169\.254\.170\.2")
_NOT_ACCEPTED = {
    "InvalidAccessKeyId": "check AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "check AWS_SECRET_ACCESS_KEY",
    "InvalidToken": "check AWS_SESSION_TOKEN, or unset it",
    "ExpiredToken": "they have expired: fetch new ones",
    "RequestTimeTooSkewed": "set this machine's clock",
}
NO_CREDENTIALS = (
    "no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
    "AWS_PROFILE to a profile with keys; AWS_SKIP_SIGNATURE=true reads a public bucket"
)


def explained(verb: str, url: str, error: Exception) -> StoreError:
    """Return the error that tells what a store refused, and what would help."""
    said = str(error)
    code = next(iter(_CODE.findall(said)), "")
    status = next(iter(_STATUS.findall(said)), "")
    return StoreError(f"can't {verb} {url}: {_reason(said, code, status)}")


def _reason(said: str, code: str, status: str) -> str:
    if _NO_CREDENTIALS.search(said):
        return NO_CREDENTIALS
    if code == "NoSuchBucket":
        return "there is no such bucket: make it first, or check its name"
    if code in _NOT_ACCEPTED:
        return f"the credentials are not accepted ({code}): {_NOT_ACCEPTED[code]}"
    if status in {"401", "403"}:
        return (
            f"no right to do so ({code or status}): reading needs s3:GetObject and "
            "s3:ListBucket, writing s3:PutObject, merging s3:DeleteObject as well"
        )
    if status in {"301", "307"} or "Received redirect" in said:
        return "the bucket is in another region: set AWS_REGION to it"
    return _unreached(said, code, status)


def _unreached(said: str, code: str, status: str) -> str:
    if "kind: Connect" in said:
        return (
            "the store can't be reached: check the network, and AWS_ENDPOINT_URL if "
            "it is set; for AWS itself, AWS_REGION"
        )
    if status:
        return f"the store answered {status} {code}".rstrip() + ": try again later"
    if "kind: Timeout" in said or "timed out" in said:
        return "the store did not answer in time: try again"
    if "kind: " in said:
        return "the connection was lost: try again"
    return said.partition("\n")[0]


def conflicting(url: str) -> StoreError:
    """Return the error for a name that is refused, though nobody has it."""
    return StoreError(
        f"can't write {url}: the store reports a conflict again and again, though "
        "nobody has the name: try again later"
    )


def is_unknown(error: BaseException | None) -> bool:
    """Tell whether a store, or a client, does not know what was asked for."""
    from obstore.exceptions import NotSupportedError

    return isinstance(error, NotSupportedError) or "status: 501" in str(error)


def is_final(said: str) -> bool:
    """Tell whether trying again at once would give the same answer."""
    status = next(iter(_STATUS.findall(said)), "")
    is_refusal = status[:1] in {"3", "4"} and status not in {"408", "409", "429"}
    return is_refusal or _NO_CREDENTIALS.search(said) is not None


def may_have_arrived(said: str) -> bool:
    """Tell whether a put that failed so may have been carried out all the same."""
    if _NO_CREDENTIALS.search(said):
        return False
    never_taken = "kind: Connect" in said or is_final(said)
    return not ("retries: 0," in said and never_taken)
