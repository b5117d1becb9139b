import asyncio
import errno

import pytest
import zmq
from ipykernel.ipkernel import IPythonKernel

from flanrepro.experiments.kernel import Kernel


def dispatched(monkeypatch, number: int, shutdown: bool) -> None:
    """Handles a control message whose handler meets a ZeroMQ error."""

    async def failing(self, msg):
        raise zmq.ZMQError(number)

    monkeypatch.setattr(IPythonKernel, "dispatch_control", failing)
    kernel = Kernel.__new__(Kernel)
    kernel._shutdown_message = {"content": {}} if shutdown else None
    asyncio.run(kernel.dispatch_control([]))


def test_sockets_that_the_end_has_closed_are_no_error(monkeypatch):
    dispatched(monkeypatch, errno.ENOTSOCK, shutdown=True)


@pytest.mark.parametrize(("number", "shutdown"), [(errno.ENOTSOCK, False), (errno.EAGAIN, True)])
def test_any_other_error_is_raised(monkeypatch, number, shutdown):
    with pytest.raises(zmq.ZMQError):
        dispatched(monkeypatch, number, shutdown)
