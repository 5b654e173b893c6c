"""The traffic log on S3: two gateways write beside each other, and a night reads it all."""

from project.records.traffic import Feedback
from serving.serving_settings import TrafficLogParams
from serving.traffic_log.traffic_log import TrafficLog
from tests.serving.traffic_log.exchanges import exchange, feedback, rows_in, store_of

pytest_plugins = ["tests.servers"]
LASTING = TrafficLogParams(seconds=3600)


def test_chunks_of_two_gateways_are_read_from_a_bucket(object_store: str) -> None:
    url = f"{object_store}/traffic"
    with TrafficLog(url, LASTING, redact=True) as one, TrafficLog(url, LASTING, redact=True) as two:
        one.answered(exchange("one"))
        two.answered(exchange("two"))
        two.fed_back(feedback("one", correction="So."), None)  # it came to the other gateway
    found = {row.id: row.feedback for row in rows_in(url)}
    assert found == {"one": Feedback(correction="So."), "two": None}
    assert one.dropped == two.dropped == 0


def test_a_bucket_that_is_not_there_keeps_the_rows_in_the_spool(object_store: str) -> None:
    with TrafficLog("s3://no-such-bucket/traffic", LASTING, redact=True) as log:
        log.answered(exchange("kept"))
        log.flush()
        assert log.sender.backlog
    with TrafficLog(f"{object_store}/traffic", LASTING, redact=True):
        pass
    assert [row.id for row in rows_in(f"{object_store}/traffic")] == ["kept"]
    assert store_of(object_store).days() == []
