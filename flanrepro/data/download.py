"""A file of the manifest from the place where it is published: whole, or not at all."""

from pathlib import Path
from typing import TYPE_CHECKING

from requests import exceptions

from flanrepro.data.files import import_pooch
from flanrepro.errors import InputError

if TYPE_CHECKING:
    from flanrepro.data.files import DataFile


def download(file: "DataFile", folder: Path, also: str) -> None:
    """Brings the file into `folder`.

    Raises:
        InputError: it cannot be had, or is another file; the folder is then as before. `also` goes
            into the sentence.
    """
    pooch = import_pooch()
    # Streamed responses stay open if they fail; the files are small enough to be read at once.
    downloader = pooch.HTTPDownloader(stream=False)
    sha256 = f"sha256:{file.sha256}"
    try:
        pooch.retrieve(file.url, sha256, fname=file.path, path=folder, downloader=downloader)
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot download '{file.path}' to {folder}: {_reason(file, error)}{also}; nothing was "
            f"kept, so try again, or set FLANREPRO_MIRROR to a folder that holds '{file.path}'"
        ) from error


def _reason(file: "DataFile", error: Exception) -> str:
    """What a failed download comes to, as part of a sentence."""
    if isinstance(error, exceptions.HTTPError):
        return f"{file.url} answered with HTTP status {error.response.status_code}"
    if isinstance(error, (exceptions.ChunkedEncodingError, exceptions.ContentDecodingError)):
        return f"{file.url} broke off before its {file.bytes} bytes were there"
    if isinstance(error, (exceptions.ConnectionError, exceptions.Timeout)):
        return f"no connection to {file.url}"
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return (
            f"{file.url} brought other content than the expected {file.bytes} bytes with SHA-256 "
            f"{file.sha256} (it was cut short, or has changed)"
        )
    return " ".join(str(error).split())
