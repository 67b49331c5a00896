//! A policy document, as AWS or a plan has it: read and asked, whatever it says.

use breezeway::model::policy::{Policies, Policy, Principal, Request, evaluate};

use super::{parts, said};

pub fn run(bytes: &[u8]) {
    let documents: Vec<_> = parts(bytes).into_iter().map(String::from_utf8_lossy).collect();
    let mut policies = Policies::default();
    for (at, document) in documents.iter().enumerate() {
        let (name, document) = (format!("policy {at}"), document.as_ref());
        let identity = Policy::of_identity(&name, document);
        let resource = Policy::of_resource(&name, document);
        for read in [&identity, &resource] {
            match read {
                Ok(policy) => drop(policy.values_of("aws:SourceVpce")),
                Err(malformed) => said(&malformed.to_string()),
            }
        }
        match at {
            1 => policies.boundary = identity.ok(),
            _ => policies.identity.extend(identity),
        }
        match at {
            1 => policies.endpoint = resource.ok(),
            _ => policies.resource = resource.ok(),
        }
    }
    for request in requests() {
        evaluate(&request, &policies);
        policies.missing_keys(&request.context);
    }
}

fn requests() -> [Request; 2] {
    let role = "arn:aws:iam::111122223333:role/breezeway/us-east-1/demo/users".to_owned();
    let session = Principal::Role { arn: role, session: "ann".to_owned() };
    let url = Request::new(session.clone(), "sagemaker:CreatePresignedDomainUrl", PROFILE)
        .with("aws:SourceVpce", &["vpce-0a1b2c3d4e5f60718"])
        .with("aws:SourceIp", &["192.168.10.74"])
        .with("aws:CurrentTime", &["2026-01-05T08:00:00Z"]);
    let call = Request::new(session, "execute-api:Invoke", "arn:aws:execute-api:us-east-1:111122223333:a/portal/GET/");
    [url, call]
}

const PROFILE: &str = "arn:aws:sagemaker:us-east-1:111122223333:user-profile/d-abcdefabcdef/ann";
