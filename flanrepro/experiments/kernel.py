"""The kernel of notebooks that are run here: IPython's, without one fault of its end."""

import errno

import zmq
from ipykernel.ipkernel import IPythonKernel


class Kernel(IPythonKernel):
    """IPython's kernel, which says nothing of sockets that its end has closed.

    Its main thread closes them when it is shut down, while its control thread may still be about to
    flush output through them (ipykernel 7.4). The traceback that it then logs is of nothing that
    failed.
    """

    async def dispatch_control(self, msg) -> None:
        try:
            await super().dispatch_control(msg)
        except zmq.ZMQError as error:
            if self._shutdown_message is None or error.errno != errno.ENOTSOCK:
                raise
