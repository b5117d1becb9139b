import asyncio
import errno

import pytest
import zmq
from ipykernel.ipkernel import IPythonKernel

from flanrepro.experiments.kernel import Kernel


def dispatched(monkeypatch, number: int, shutdown: bool) -> list:
    """Handles a control message whose handler meets a ZeroMQ error; gives what was handled."""
    handled = []

    async def failing(self, msg):
        handled.append(msg)
        raise zmq.ZMQError(number)

    monkeypatch.setattr(IPythonKernel, "dispatch_control", failing)
    kernel = Kernel.__new__(Kernel)
    kernel._shutdown_message = {"content": {}} if shutdown else None
    asyncio.run(kernel.dispatch_control(b"shutdown"))
    return handled


def test_sockets_that_the_end_has_closed_are_no_error(monkeypatch):
    assert dispatched(monkeypatch, errno.ENOTSOCK, shutdown=True) == [b"shutdown"]


@pytest.mark.parametrize(("number", "shutdown"), [(errno.ENOTSOCK, False), (errno.EAGAIN, True)])
def test_any_other_error_is_raised(monkeypatch, number, shutdown):
    with pytest.raises(zmq.ZMQError):
        dispatched(monkeypatch, number, shutdown)
