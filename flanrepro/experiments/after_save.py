"""An extension of Jupyter's server, which brings git's view of saved notebooks up to date.

The package brings `etc/jupyter/jupyter_server_config.d/flanrepro.json`, which turns it on.
"""

import contextlib
import os
import subprocess
from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: Any) -> None:
    server.contents_manager.register_post_save_hook(refresh)


def refresh(model: dict, os_path: str, contents_manager: Any, **others: Any) -> None:
    """Lets git note that a saved notebook is what is committed, but for its outputs.

    Git strips outputs before it compares (see `.gitattributes`), but `git status` calls a file of
    another size modified unread, until the file is added anew. A notebook in which anything else
    has changed is left alone, and so is one that git does not track.

    Args:
        model: description of the saved file, whose `type` Jupyter sets.
        os_path: path of the file.
        contents_manager: Jupyter's, not used.
        others: what a later Jupyter may give.
    """
    folder, name = os.path.split(os_path)
    if model.get("type") != "notebook":
        return
    with contextlib.suppress(OSError):  # no git here
        quiet = {"cwd": folder, "capture_output": True, "check": False}
        same = subprocess.run(["git", "diff", "--quiet", "--", name], **quiet)
        if same.returncode == 0:
            subprocess.run(["git", "add", "--update", "--", name], **quiet)
