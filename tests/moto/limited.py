"""amended.py, amended where IAM is asked: says what it allows, an action a line, as `allowed ec2:CreateVpc`.

That moto as released does otherwise than AWS's documentation says is asserted by `moto_differs_from_iam_in_these`.
"""

import json
import os

from amended import amends, main
from moto.core.exceptions import AccessDeniedError
from moto.iam.access_control import IAMRequest


@amends(IAMRequest, "check_signature")
def what_is_signed_right_is_let_in(replaced, request):
    """A request is signed as it is sent. Moto reads it first, and finds other bytes signed than it has read."""


@amends(IAMRequest, "_raise_access_denied")
def services_refuse_in_their_own_words(replaced, request):
    """A refusal is told in its service's protocol. Moto tells all of them as EC2's."""
    try:
        replaced(request)
    except AccessDeniedError as refusal:
        if request._service in {"iam", "route53"}:
            refusal.description = refusal.description.replace("<Errors>", "").replace("</Errors>", "")
        elif request._service != "ec2":
            refusal.description = json.dumps({"__type": "AccessDeniedException", "message": refusal.message})
        raise


@amends(IAMRequest, "check_action_permitted")
def what_is_allowed_is_told(replaced, request, resource):
    replaced(request, resource)
    # At once: other threads write, too.
    os.write(1, f"allowed {request._action}\n".encode())


if __name__ == "__main__":
    main()
