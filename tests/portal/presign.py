"""The presigning function as it is deployed: what it answers to whom, and what it keeps to itself."""

import contextlib
import importlib.util
import io
import json
import os
import sys
import unittest
from pathlib import Path

import boto3
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

spec = importlib.util.spec_from_file_location("presign", Path(sys.argv.pop(1)))
presign = importlib.util.module_from_spec(spec)
spec.loader.exec_module(presign)

URL = "https://d-abcdefghijkl.studio.eu-west-1.sagemaker.aws/auth?token=secret"
ROW = {"user": {"S": "ann"}, "domain": {"S": "d-abcdefghijkl"}, "profile": {"S": "ann-profile"}}


def event(user="ann", path="ann"):
    authorizer = {"user": user, "principalId": user} if user else {}
    return {"requestContext": {"authorizer": authorizer}, "pathParameters": {"user": path}}


class Handler(unittest.TestCase):
    def setUp(self):
        os.environ.update(
            TABLE="mapping",
            EXPIRES="30",
            SESSION_EXPIRES="43200",
            AWS_DEFAULT_REGION="eu-west-1",
            AWS_ACCESS_KEY_ID="x",
            AWS_SECRET_ACCESS_KEY="x",
        )
        presign.CLIENTS.clear()
        self.table = Stubber(presign.client("dynamodb"))
        self.studio = Stubber(presign.client("sagemaker"))
        self.table.activate()
        self.studio.activate()

    def row(self, row=ROW, user="ann"):
        question = {"TableName": "mapping", "Key": {"user": {"S": user}}, "ConsistentRead": True}
        self.table.add_response("get_item", {"Item": row} if row else {}, question)

    def ask(self, asked):
        log = io.StringIO()
        with contextlib.redirect_stdout(log):
            answer = presign.handler(asked, None)
        self.assertNotIn("token=secret", log.getvalue())
        self.table.assert_no_pending_responses()
        self.studio.assert_no_pending_responses()
        return answer["statusCode"], json.loads(answer["body"]), answer["headers"]

    def test_who_is_signed_in_gets_their_own_url(self):
        self.row()
        asked = {
            "DomainId": "d-abcdefghijkl",
            "UserProfileName": "ann-profile",
            "ExpiresInSeconds": 30,
            "SessionExpirationDurationInSeconds": 43200,
        }
        self.studio.add_response("create_presigned_domain_url", {"AuthorizedUrl": URL}, asked)
        status, body, headers = self.ask(event())
        self.assertEqual((status, body), (200, {"url": URL}))
        self.assertEqual(headers["Cache-Control"], "no-store")

    def test_a_name_with_an_at_sign_is_known_however_the_path_writes_it(self):
        name = "ann@corp.example"
        for path in (name, "ann%40corp.example"):
            self.row({**ROW, "user": {"S": name}}, name)
            self.studio.add_response("create_presigned_domain_url", {"AuthorizedUrl": URL})
            self.assertEqual(self.ask(event(name, path))[:2], (200, {"url": URL}))
        self.assertEqual(self.ask(event(name, "ann%2540corp.example"))[0], 403)

    def test_nobody_else_gets_it_even_without_an_authorizer_before_it(self):
        self.assertEqual(self.ask(event(path="bob"))[0], 403)
        self.assertEqual(self.ask(event(user=None))[0], 401)
        self.assertEqual(self.ask({})[0], 401)

    def test_who_has_no_profile_is_told(self):
        self.row(None)
        status, body, _ = self.ask(event())
        self.assertEqual(status, 404)
        self.assertIn("ann has no user profile", body["message"])

    def test_a_refusal_of_the_policy_is_told_apart_from_a_failure(self):
        for code, status in (("AccessDeniedException", 403), ("ResourceNotFound", 502)):
            self.row()
            self.studio.add_client_error("create_presigned_domain_url", code, "no: " + URL)
            found, body, _ = self.ask(event())
            self.assertEqual(found, status)
            self.assertNotIn(URL, body["message"])

    def test_a_door_that_is_shut_ends_in_a_sentence(self):
        def unreachable(**_):
            raise EndpointConnectionError(endpoint_url="https://api.sagemaker.eu-west-1.amazonaws.com")

        self.row()
        presign.CLIENTS["sagemaker"].meta.events.register_first("before-call", unreachable)
        self.assertEqual(self.ask(event())[0], 502)

    def test_a_row_that_lacks_something_is_a_failure_not_a_crash(self):
        self.row({"user": {"S": "ann"}})
        self.assertEqual(self.ask(event())[0], 502)


if __name__ == "__main__":
    unittest.main()
