"""Every operation that the wire knows, written and read by botocore's own serialisers and parsers.

A line goes out for each: a request with everything in it, the input it was made of, a full output and the codes of
the operation's errors. A line comes back: the answer that says the output, and a refusal for each code; or null if
the request was misread.
"""

import base64
import json
import sys
from datetime import datetime
from io import BytesIO

import botocore.session
from botocore.awsrequest import HeadersDict, create_request_object, prepare_request_dict
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from samples import SERVICES, TEXT, sample

SESSION = botocore.session.Session()


def plain(value):
    """A value as the sandbox has it."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def request(model, operation, arguments):
    """The request of a call; what the model says to sign bears a signature."""
    serialised = create_serializer(model.protocol).serialize_to_request(arguments, operation)
    prepare_request_dict(serialised, endpoint_url="http://localhost")
    if operation.auth_type != "none":
        scope = f"111122223333/20260101/us-east-1/{model.signing_name}/aws4_request"
        serialised["headers"]["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, Signature=0"
    prepared = create_request_object(serialised).prepare()
    path, _, query = prepared.url.removeprefix("http://localhost").partition("?")
    body = prepared.body or b""
    text = lambda value: value.decode() if isinstance(value, bytes) else str(value)
    return {
        "method": prepared.method,
        "path": path,
        "query": query,
        "headers": {name: text(value) for name, value in prepared.headers.items()},
        "body": plain(body.encode() if isinstance(body, str) else body),
    }


def parsed(model, response, operation):
    """An answer or a refusal, as boto3 hands it on."""
    body = base64.b64decode(response["body"])
    streams = operation.has_streaming_output and response["status"] < 300
    raw = {
        "status_code": response["status"],
        "headers": HeadersDict(response["headers"]),
        "body": BytesIO(body) if streams else body,
    }
    result = create_parser(model.protocol).parse(raw, operation.output_shape)
    error = model.shape_for_error_code(result.get("Error", {}).get("Code", ""))
    if error is not None:
        result.update(create_parser(model.protocol).parse(raw, error))
    return {name: value.read() if isinstance(value, BytesIO) else value for name, value in result.items()}


def differences(model, operation):
    """What is other than it should be after one operation went over the wire and back."""
    shapes = [operation.input_shape, operation.output_shape]
    arguments, result = [sample(shape) if shape else {} for shape in shapes]
    errors = {error.error_code: error for error in operation.error_shapes}
    message = {
        "service": model.signing_name,
        "operation": operation.name,
        "request": request(model, operation, arguments),
        "input": plain(arguments),
        "output": plain(result),
        "errors": {code: TEXT for code in errors},
    }
    print(json.dumps(message), flush=True)
    reply = json.loads(sys.stdin.readline())
    if reply is None:
        return

    answer = parsed(model, reply["answer"], operation)
    answer.pop("ResponseMetadata")
    if answer != result:
        yield f"the answer is read as {answer}, not as {result}"
    for code, error in errors.items():
        refusal = parsed(model, reply["refusals"][code], operation)
        status = error.metadata.get("error", {}).get("httpStatusCode", 400)
        expected = ({"Code": code, "Message": TEXT}, status)
        found = {name: refusal["Error"][name] for name in ("Code", "Message")}
        if (found, refusal["ResponseMetadata"]["HTTPStatusCode"]) != expected:
            yield f"the refusal is read as {refusal}, not as {expected}"
        for member, value in [("ErrorCode", code), ("Message", TEXT), ("message", TEXT)]:
            if model.protocol == "rest-json" and member in error.members and refusal.get(member) != value:
                yield f"the refusal is read as {refusal}, without its {member}"


def main():
    wrong = 0
    for service, (version, operations) in SERVICES.items():
        model = SESSION.get_service_model(service, version)
        for name in operations.split():
            for difference in differences(model, model.operation_model(name)):
                wrong += 1
                print(f"{service} {name}: {difference}", file=sys.stderr)
    sys.exit(min(wrong, 1))


if __name__ == "__main__":
    main()
