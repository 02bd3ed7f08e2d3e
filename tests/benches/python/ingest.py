"""What a webhook function in Python would do, for comparison: the same requests to AWS as our ingest, plain and short.

Per delivery: two GetItem (profile, source), HMAC-SHA256 over the raw body, the CrowdStrike fields mapped by hand, one
TransactWriteItems (the alert, the compressed payload, a hash-chained audit entry), one SendMessage. The webhook's secret
is in the environment, so KMS is never asked; the payload is compressed and not sealed; there is no rate, no retry of a
race, no field map, no redaction, no lookup by account. All of that ours does in addition.

boto3 with its defaults, one client for each service made before the first invocation, as AWS advises. The loop below stands in
for Lambda's own Python runtime client.
"""

import base64
import gzip
import hashlib
import hmac
import http.client
import json
import os
import time
import uuid

import boto3

TABLE = os.environ["VYROX_TABLE"]
QUEUE = os.environ["VYROX_ALERTS_QUEUE_URL"]
SECRET = os.environ["WEBHOOK_SECRET"].encode()
ENDPOINT = os.environ.get("AWS_ENDPOINT_URL")
DYNAMODB = boto3.client("dynamodb", endpoint_url=ENDPOINT)
SQS = boto3.client("sqs", endpoint_url=ENDPOINT)
LANE = f"python-{uuid.uuid4()}"
chain = {"seq": 0, "hash": "0" * 64}


def answer(status, body):
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}


def text(value):
    return {"S": value}


def put(tenant, key, body, condition=None):
    item = {"tenant_id": text(tenant), "sk": text(key), "version": {"N": "1"}, "body": body}
    request = {"TableName": TABLE, "Item": item}
    if condition:
        request["ConditionExpression"] = condition
    return {"Put": request}


def normalise(tenant, raw):
    process, sensor = raw.get("process", {}), raw.get("sensor", {})
    alert_id = uuid.uuid5(uuid.NAMESPACE_URL, f"{tenant}|crowdstrike|{raw['detect_id']}")
    alert = {
        "tenant_id": tenant,
        "id": str(alert_id),
        "source": "crowdstrike",
        "raw_id": raw["detect_id"],
        "timestamp": raw["timestamp"],
        "hostname": sensor.get("hostname"),
        "device_id": sensor.get("agent_id"),
        "username": process.get("user_name"),
        "process_name": process.get("file_name"),
        "process_cmdline": process.get("command_line"),
        "parent_process": process.get("parent_file_name"),
        "parent_cmdline": process.get("parent_command_line"),
        "sha256": process.get("sha256"),
        "tactic": raw.get("tactic"),
        "technique": raw.get("technique"),
        "title": raw.get("detect_name"),
        "vendor_severity": raw.get("severity", "unknown").upper(),
        "received_at": int(time.time()),
        "revision": 0,
    }
    return {key: value for key, value in alert.items() if value is not None}


def audited(tenant, alert):
    entry = {
        "timestamp": alert["received_at"],
        "tenant_id": tenant,
        "action_type": "ALERT_ACCEPTED",
        "host": alert.get("hostname", ""),
        "alert_id": alert["id"],
        "chain": LANE,
        "seq": chain["seq"],
        "previous_hash": chain["hash"],
        "detail": {"source": "crowdstrike", "raw_id": alert["raw_id"]},
    }
    canonical = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    entry["hash"] = hashlib.sha256(f"{chain['hash']}|{canonical}".encode()).hexdigest()
    return entry


def handle(event):
    body = event["body"].encode()
    tenant = event["rawPath"].rsplit("/", 1)[1]
    for key in ("PROFILE", "SOURCE#crowdstrike#default"):
        found = DYNAMODB.get_item(
            TableName=TABLE, Key={"tenant_id": text(tenant), "sk": text(key)}, ConsistentRead=True
        )
        if "Item" not in found:
            return answer(401, {"detail": "invalid signature"})
    expected = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, event["headers"].get("x-vyrox-signature", "")):
        return answer(401, {"detail": "invalid signature"})
    alert = normalise(tenant, json.loads(body))
    entry = audited(tenant, alert)
    evidence = gzip.compress(body)
    DYNAMODB.transact_write_items(
        TransactItems=[
            put(tenant, f"ALERT#{alert['id']}", text(json.dumps(alert)), "attribute_not_exists(sk)"),
            put(tenant, f"EVIDENCE#{alert['id']}#0", {"B": evidence}),
            put(tenant, f"AUDIT#{LANE}#{chain['seq']:020}", text(json.dumps(entry)), "attribute_not_exists(sk)"),
        ]
    )
    chain.update(seq=chain["seq"] + 1, hash=entry["hash"])
    SQS.send_message(
        QueueUrl=QUEUE,
        MessageBody=json.dumps({"tenant_id": tenant, "alert_id": alert["id"], "revision": 0}),
        MessageGroupId=tenant,
        MessageAttributes={"tenant_id": {"DataType": "String", "StringValue": tenant}},
    )
    return answer(202, {"status": "queued", "alert_id": alert["id"]})


def main():
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        api.request("GET", "/2018-06-01/runtime/invocation/next")
        response = api.getresponse()
        event, request_id = json.loads(response.read()), response.getheader("lambda-runtime-aws-request-id")
        if event.get("isBase64Encoded"):
            event["body"] = base64.b64decode(event["body"]).decode()
        result = json.dumps(handle(event))
        api.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/response", result)
        api.getresponse().read()


main()
