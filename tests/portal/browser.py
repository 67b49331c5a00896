"""The portal's page in a browser, before its real handlers: a corporate user signs in, clicks, and is in Studio.

    browser.py SANDBOX AUTHORIZER PRESIGN [PICTURE]

SANDBOX is the address of a sandbox that is served, with a lab that has a portal, and the users ann and novice. What API
Gateway does with the page, the stage's variables, the authorizer and the function is done here, out of what it was told.
A picture of the page is kept where one is asked for.
"""

import importlib.util
import json
import os
import ssl
import sys
import tempfile
import threading
import time
import unittest
import urllib.request
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

SANDBOX, AUTHORIZER, PRESIGN = sys.argv[1:4]
PICTURE = sys.argv[4] if len(sys.argv) > 4 else None
del sys.argv[1:]

REGION = "us-east-1"
PASSWORD = "Correct-horse-7"
# Somebody whose name isn't that of their profile.
MAIL = "ann.smith+1@corp.example"
PATIENCE = 20


def loaded(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


os.environ.update(
    AWS_ENDPOINT_URL=SANDBOX,
    AWS_DEFAULT_REGION=REGION,
    AWS_ACCESS_KEY_ID="111122223333",
    AWS_SECRET_ACCESS_KEY="anything",
)
authorizer, presign = loaded("authorizer", AUTHORIZER), loaded("presign", PRESIGN)


class Account:
    """What the lab has: a user pool with passwords that an administrator sets, and the portal as it was deployed."""

    def __init__(self):
        self.cognito = boto3.client("cognito-idp")
        [pool] = self.cognito.list_user_pools(MaxResults=10)["UserPools"]
        self.pool = pool["Id"]
        for user in ("stranger", MAIL):
            self.cognito.admin_create_user(UserPoolId=self.pool, Username=user, MessageAction="SUPPRESS")
        for user in ("ann", MAIL, "stranger", "novice"):
            self.cognito.admin_set_user_password(
                UserPoolId=self.pool, Username=user, Password=PASSWORD, Permanent=user != "novice"
            )
        [domain] = boto3.client("sagemaker").list_domains()["Domains"]
        self.domain = domain["DomainId"]
        gateway = boto3.client("apigateway")
        [api] = gateway.get_rest_apis()["items"]
        self.variables = gateway.get_stage(restApiId=api["id"], stageName="portal")["variables"]
        self.page = gateway.get_integration_response(
            restApiId=api["id"], resourceId=api["rootResourceId"], httpMethod="GET", statusCode="200"
        )["responseTemplates"]["text/html"]

    def environment(self, function):
        functions = boto3.client("lambda").list_functions()["Functions"]
        [name] = [it["FunctionName"] for it in functions if it["FunctionName"].endswith("-" + function)]
        return boto3.client("lambda").get_function_configuration(FunctionName=name)["Environment"]["Variables"]


class Clock:
    """The sandbox's: it has skipped the waiting."""

    monotonic = staticmethod(time.monotonic)

    @staticmethod
    def time():
        with urllib.request.urlopen(SANDBOX + "/_breezeway/health", timeout=5) as answer:
            now = json.loads(answer.read())["now"]
        return datetime.fromisoformat(now).timestamp()


def from_provider(account):
    """The issuer's documents, which are behind the sandbox's address."""

    def fetch(url):
        assert url.startswith(f"https://cognito-idp.{REGION}.amazonaws.com/{account.pool}/"), url
        path = url.split(".amazonaws.com", 1)[1]
        with urllib.request.urlopen(SANDBOX + path, timeout=5) as answer:
            return json.loads(answer.read())

    return fetch


class Gateway(BaseHTTPRequestHandler):
    """What API Gateway does with a request to the stage."""

    account = None

    def log_message(self, *_):
        pass

    def respond(self, status, body, kind):
        body = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts == ["portal"]:
            return self.respond(200, self.page(), "text/html; charset=utf-8")
        if len(parts) == 4 and parts[:2] == ["portal", "users"] and parts[3] == "url":
            return self.ask(parts[2])
        return self.respond(403, json.dumps({"message": "Missing Authentication Token"}), "application/json")

    def page(self):
        # In AWS the page talks to Cognito itself.
        variables = {**self.account.variables, "endpoint": SANDBOX + "/", "connect": SANDBOX}
        page = self.account.page
        for name in sorted(variables, key=len, reverse=True):
            page = page.replace(f"$stageVariables.{name}", variables[name])
        assert "$" not in page, "a template can't hold this"
        return page

    def ask(self, user):
        arn = f"arn:aws:execute-api:{REGION}:111122223333:abcdef1234/portal/GET/users/{user}/url"
        event = {
            "type": "REQUEST",
            "methodArn": arn,
            "headers": dict(self.headers),
            "pathParameters": {"user": user},
        }
        try:
            decision = authorizer.handler(event, None)
        except Exception as refusal:
            return self.respond(401, json.dumps({"message": str(refusal)}), "application/json")
        [statement] = decision["policyDocument"]["Statement"]
        if statement["Effect"] != "Allow" or statement["Resource"] != arn:
            message = "User is not authorized to access this resource with an explicit deny"
            return self.respond(403, json.dumps({"Message": message}), "application/json")
        context = {"principalId": decision["principalId"], **decision["context"]}
        answer = presign.handler({"pathParameters": {"user": user}, "requestContext": {"authorizer": context}}, None)
        return self.respond(answer["statusCode"], answer["body"], answer["headers"]["Content-Type"])


class Studio(BaseHTTPRequestHandler):
    """Who is behind the name in the URL."""

    asked = []

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.asked.append((self.headers["Host"], self.path))
        body = b"<!doctype html><title>Studio</title>Studio"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def certified(server):
    """The server behind TLS, by a certificate that nobody else knows."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "studio")])
    now = datetime.now(timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        file.write(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        file.flush()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file.name)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server


def started(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class Portal(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        Gateway.account = cls.account = Account()
        authorizer.fetch, authorizer.time = from_provider(cls.account), Clock
        for function in ("authorizer", "presign"):
            os.environ.update(cls.account.environment(function))
        cls.gateway = started(ThreadingHTTPServer(("127.0.0.1", 0), Gateway))
        cls.studio = started(certified(ThreadingHTTPServer(("127.0.0.1", 0), Studio)))

    def setUp(self):
        Studio.asked.clear()
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        self.profile = tempfile.TemporaryDirectory()
        for argument in (
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--ignore-certificate-errors",
            "--window-size=900,640",
            f"--user-data-dir={self.profile.name}",
            f"--host-resolver-rules=MAP *.sagemaker.aws:443 127.0.0.1:{self.studio}",
        ):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(executable_path="/usr/bin/chromedriver")
        self.browser = webdriver.Chrome(options=options, service=service)
        self.browser.get(f"http://localhost:{self.gateway}/portal/")

    def tearDown(self):
        self.browser.quit()
        self.profile.cleanup()

    def find(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def wait(self, condition):
        return WebDriverWait(self.browser, PATIENCE).until(condition)

    def shown(self, form):
        self.wait(lambda _: self.find(f"#{form}").is_displayed())

    def sign_in(self, user, password=PASSWORD):
        self.shown("sign-in")
        self.find("#user").send_keys(user)
        self.find("#password").send_keys(password)
        self.find("#sign-in button").click()

    def said(self):
        self.wait(lambda _: self.find("#said").text)
        return self.find("#said").text

    def complaints(self):
        log = self.browser.get_log("browser")
        return [entry["message"] for entry in log if "Content Security Policy" in entry["message"]]

    def test_a_user_signs_in_clicks_and_is_in_studio(self):
        self.sign_in("ann")
        self.shown("open")
        self.assertEqual(self.find("#intro").text, "Signed in as ann.")
        if PICTURE:
            self.browser.save_screenshot(PICTURE)
        self.assertEqual(self.complaints(), [])
        self.find("#open button").click()
        self.wait(lambda browser: browser.title == "Studio")
        [(host, path)] = [asked for asked in Studio.asked if asked[1].startswith("/auth")]
        self.assertEqual(host, f"{self.account.domain}.studio.{REGION}.sagemaker.aws")
        self.assertTrue(path.startswith("/auth?token="), path)

    def test_a_name_that_no_profile_could_have_leads_to_the_one_that_is_theirs(self):
        self.sign_in(MAIL)
        self.shown("open")
        self.assertEqual(self.find("#intro").text, f"Signed in as {MAIL}.")
        self.find("#open button").click()
        self.wait(lambda browser: browser.title == "Studio")

    def test_a_refused_sign_in_says_so_in_a_sentence(self):
        self.sign_in("ann", "Wrong-horse-7")
        self.assertEqual(self.said(), "Incorrect username or password.")
        self.assertTrue(self.find("#sign-in").is_displayed())
        self.assertEqual(Studio.asked, [])

    def test_a_first_password_has_to_be_changed(self):
        self.sign_in("novice")
        self.shown("renew")
        self.find("#new-password").send_keys("Another-horse-8")
        self.find("#renew button").click()
        self.shown("open")
        self.assertEqual(self.find("#intro").text, "Signed in as novice.")

    def test_who_has_no_profile_is_told_whom_to_ask(self):
        self.sign_in("stranger")
        self.shown("open")
        self.find("#open button").click()
        self.assertEqual(self.said(), "stranger has no user profile in Studio. Ask whoever runs it.")

    def test_the_keyboard_is_enough(self):
        self.shown("sign-in")
        self.assertEqual(self.browser.switch_to.active_element.get_attribute("id"), "user")
        self.browser.switch_to.active_element.send_keys("ann\t")
        self.browser.switch_to.active_element.send_keys(PASSWORD + "\n")
        self.shown("open")
        self.assertEqual(self.browser.switch_to.active_element.tag_name, "button")

    def test_whatever_is_shown_has_a_name_for_those_who_do_not_see_it(self):
        self.shown("sign-in")
        for field in self.browser.find_elements(By.CSS_SELECTOR, "input"):
            label = self.browser.find_elements(By.CSS_SELECTOR, f"label[for={field.get_attribute('id')}]")
            self.assertEqual(len(label), 1, field.get_attribute("id"))
        self.assertEqual(self.find("html").get_attribute("lang"), "en")
        self.assertEqual(self.find("#said").get_attribute("role"), "status")


if __name__ == "__main__":
    unittest.main()
