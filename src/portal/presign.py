"""Makes a presigned URL for the Studio of whoever is signed in: a Lambda proxy integration, in the VPC.

The authorizer has found out who calls. The mapping table says which domain and user profile are theirs. The call that
makes the URL leaves through the VPC's SageMaker endpoint, which is what the role's policy asks for; the table is reached
through the DynamoDB gateway endpoint. The URL is a bearer credential: it goes to its caller and into no log.

Environment:

TABLE            the mapping table: key `user`, values `domain` and `profile`
EXPIRES          how many seconds the URL may wait to be opened: 5 to 300
SESSION_EXPIRES  how many seconds the Studio session then lasts: 1800 to 43200
"""

import json
import os
import urllib.parse

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

# Less than API Gateway waits (29 s), so that a door that is shut ends in a sentence.
CONFIG = Config(connect_timeout=3, read_timeout=8, retries={"total_max_attempts": 2, "mode": "standard"})

CLIENTS = {}


def client(service):
    if service not in CLIENTS:
        CLIENTS[service] = boto3.client(service, config=CONFIG)
    return CLIENTS[service]


def answer(status, **body):
    headers = {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}


def refusal(status, said, **noted):
    """What the caller is told, and what the log keeps besides: codes, never a token or a URL."""
    print(json.dumps({"status": status, "said": said, **noted}))
    return answer(status, message=said)


def handler(event, _context):
    authorizer = event.get("requestContext", {}).get("authorizer") or {}
    user = authorizer.get("user")
    if not user:
        return refusal(401, "Nobody is signed in.")
    # The authorizer refuses this already; should it be taken off the method, this still does. The path is as it was sent.
    if urllib.parse.unquote((event.get("pathParameters") or {}).get("user") or "") != user:
        return refusal(403, "This is somebody else's Studio.")
    try:
        found = client("dynamodb").get_item(
            TableName=os.environ["TABLE"], Key={"user": {"S": user}}, ConsistentRead=True
        )
        row = found.get("Item")
        if row is None:
            return refusal(404, f"{user} has no user profile in Studio. Ask whoever runs it.")
        made = client("sagemaker").create_presigned_domain_url(
            DomainId=row["domain"]["S"],
            UserProfileName=row["profile"]["S"],
            ExpiresInSeconds=int(os.environ["EXPIRES"]),
            SessionExpirationDurationInSeconds=int(os.environ["SESSION_EXPIRES"]),
        )
        return answer(200, url=made["AuthorizedUrl"])
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"):
            return refusal(403, "AWS refuses to make the URL: this way is not the one that the policy asks for.", code=code)
        return refusal(502, "AWS could not make the URL.", code=code)
    except (BotoCoreError, KeyError, TypeError) as error:
        return refusal(502, "The service that makes the URL could not be reached.", code=type(error).__name__)
