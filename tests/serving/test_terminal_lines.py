"""The log at a terminal: a request is one short line, whatever its caller wrote."""

import logging
import re

import pytest

from serving.traffic_log.metrics import Served, TerminalLines, log_request

CHAT = "/v1/chat/completions"


@pytest.fixture(autouse=True)
def hears(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "incumbent.requests")


def shown(served: Served, caplog: pytest.LogCaptureFixture) -> str:
    log_request(served)
    return TerminalLines().format(caplog.records[-1])


def test_an_answer_is_a_line_with_what_answered(caplog: pytest.LogCaptureFixture) -> None:
    served = Served("r", "POST", CHAT, asked="bank", name="bank-v7-0123456789ab", status=200)
    line = shown(served, caplog)
    assert re.fullmatch(rf"\d\d:\d\d:\d\d POST {CHAT} 200 bank-v7-0123456789ab \d+ ms", line)


def test_a_refusal_is_a_line_that_says_why(caplog: pytest.LogCaptureFixture) -> None:
    served = Served("r", "POST", CHAT, status=404, error="There is no model 'x' here.")
    assert "404 There is no model 'x' here. " in shown(served, caplog)


def test_no_text_makes_a_second_line_or_moves_the_cursor(caplog: pytest.LogCaptureFixture) -> None:
    served = Served("r", "POST", "/\x1b[2J\n12:00:00 POST", status=404, error="a\r\n\x9bb")
    assert shown(served, caplog).isprintable()


def test_what_is_no_request_stays_json(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("incumbent.requests").info("up")
    assert '"message": "up"' in TerminalLines().format(caplog.records[-1])
