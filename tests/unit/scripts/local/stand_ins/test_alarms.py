import json

from scripts.local.stand_ins.alarms import describe_whole_alarms


def test_an_alarm_is_told_whole_in_xml_too() -> None:
    alarm = {
        "AlarmName": "a<b",
        "ActionsEnabled": True,
        "Period": 300,
        "OKActions": ["arn:1", "arn:2"],
        "ExtendedStatistic": None,
        "StateUpdatedTimestamp": 0,
    }
    asked: list[object] = []

    def describe(_: object, document: object, **form: object) -> tuple[int, dict[str, object], bytes]:
        asked.append((document, form))
        return 200, {}, json.dumps({"MetricAlarms": [alarm]}).encode()

    def answer(status: int, root: str, inner: str) -> tuple[int, dict[str, object], bytes]:
        return status, {}, f"<{root}>{inner}</{root}>".encode()

    params = {"Action": ["DescribeAlarms"], "AlarmNames.member.1": ["a<b"], "AlarmNames.member.2": ["c"]}
    _, _, body = describe_whole_alarms(describe, answer)(params, {}, is_cbor=False)

    assert asked == [({"Action": "DescribeAlarms", "AlarmNames": ["a<b", "c"]}, {"is_cbor": False, "is_json": True})]
    assert body.decode() == (
        "<DescribeAlarmsResponse><DescribeAlarmsResult><MetricAlarms><member><AlarmName>a&lt;b</AlarmName>"
        "<ActionsEnabled>true</ActionsEnabled><Period>300</Period>"
        "<OKActions><member>arn:1</member><member>arn:2</member></OKActions>"
        "<StateUpdatedTimestamp>1970-01-01T00:00:00+00:00</StateUpdatedTimestamp>"
        "</member></MetricAlarms></DescribeAlarmsResult></DescribeAlarmsResponse>"
    )
