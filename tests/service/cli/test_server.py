"""Where `interlock serve` listens, and what it says where it cannot."""

import socket

import pytest

from models.errors import NotConfigured
from service import bootstrap
from service.cli import server


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])  # noqa: S104 - every address of the machine
def test_an_address_of_this_machine_can_be_listened_on(host):
    server._try_to_listen(host, 0)


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "127.0.0.1.1"])
def test_an_address_of_another_machine_cannot(host):
    with pytest.raises(NotConfigured, match="cannot be listened on"):
        server._try_to_listen(host, 0)


def test_a_port_that_is_taken_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(NotConfigured, match=f"Something else listens on port {port}"):
            server._try_to_listen("127.0.0.1", port)


def test_the_host_that_is_asked_for_is_the_one_listened_on(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(bootstrap, "prepare", lambda _: None)
    monkeypatch.setattr(server, "run_server", lambda port, **how: asked.append((port, how["host"])))
    server.serve(8123, host="0.0.0.0")  # noqa: S104 - as above
    server.serve(8124)
    assert asked == [(8123, "0.0.0.0"), (8124, "127.0.0.1")]  # noqa: S104 - as above
    told = capsys.readouterr().out
    assert "INTERLOCK_HOSTS" in told
    assert "this machine only" in told
